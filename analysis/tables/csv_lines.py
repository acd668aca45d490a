"""A sheet as CSV: stored units, full precision, empty where missing."""

import csv
import io
from collections.abc import Sequence

from analysis.comparison.row import Row
from analysis.comparison.table import Table
from analysis.published import PublishedRow
from analysis.runs.replicate import counts
from analysis.tables.sheet import Sheet

Record = dict[str, str | int | float | None]


def csv_lines(sheet: Sheet) -> str:
    """Return one line per class, variant and metric; with the paper's values where the sheet shows them."""
    papers = {(id(value.row)): (line.paper, value.metric.name) for line in sheet.lines for value in line.values}
    lines = []
    for source in sheet.sources:
        for rows in zip(*(table.rows for table in source.tables), strict=True):
            for row, table in zip(rows, source.tables, strict=True):
                line = record(row, table)
                if sheet.has_published:
                    line |= _published(*papers.get(id(row), (None, "")))
                lines.append(line)
    return csv_text(lines)


def _published(paper: PublishedRow | None, metric: str) -> Record:
    value = paper.values.get(metric) if paper else None
    return {
        "published": value.value if value else None,
        "published_doubtful": str(value.doubtful).lower() if value else None,
        "published_p": paper.p if paper and value and metric == "dice" else None,
        "published_variant": paper.variant if paper else None,
        "published_table": paper.table if paper else None,
    }


def record(row: Row, table: Table) -> Record:
    """Return a row as a line of CSV: stored units (Dice from 0 to 1), full precision, None where missing."""
    found = row.difference
    test = found.test if found else None
    over_seeds = found.over_seeds if found else None
    seeds, splits = counts(row.trials.replicates)
    return {
        "sweep": table.sweep,
        "dataset": table.dataset,
        "split": table.split,
        "metric": table.metric.name,
        "class": row.class_name,
        "group": row.group,
        "variant": row.variant,
        "labeled": row.training.labeled,
        "unlabeled": row.training.unlabeled,
        "reference": table.reference,
        "mean": row.mean,
        "sd": row.sd,
        "ci_low": row.interval.low,
        "ci_high": row.interval.high,
        "n": row.n,
        "difference": test.difference if test else None,
        "difference_ci_low": found.interval.low if found else None,
        "difference_ci_high": found.interval.high if found else None,
        "hedges_g": found.g if found else None,
        "p": test.p if test else None,
        "p_holm": found.p_holm if found else None,
        "p_over_seeds": over_seeds.p if over_seeds else None,
        "p_over_seeds_holm": found.over_seeds_holm if found else None,
        "p_signed_rank": found.signed_rank.p if found else None,
        "p_normality": found.normality if found else None,
        "alternative": found.alternative if found else None,
        "n_pairs": test.n if test else None,
        "n_pairs_over_seeds": over_seeds.cases if over_seeds else None,
        "seeds": seeds,
        **({"label_splits": splits} if row.trials.splits else {}),
        "trials": row.trials.planned,
        "failed": len(row.trials.failed),
        "unfinished": row.trials.unfinished,
        "cases": row.cases,
        "empty_cases": row.empty_cases,
        "empty_predictions": row.empty_predictions,
        "predictions": row.predictions,
        "empty_labels": row.empty_labels,
    }


def csv_text(records: Sequence[Record]) -> str:
    """Return records as CSV with a heading."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()

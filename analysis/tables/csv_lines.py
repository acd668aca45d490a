"""A table as CSV: stored units, full precision, empty where missing, no formulas."""

import csv
import io

from analysis.comparison.metric import Metric
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.published import PublishedRow
from analysis.runs.replicate import counts
from analysis.runs.spreadsheet import guarded
from analysis.tables.table import Shown, as_table

Record = dict[str, str | int | float | None]


def render_csv(table: Shown) -> str:
    """Return one line per class, variant and metric, stored units (Dice from 0 to 1), empty where missing.

    With the paper's values, where the table shows them. A name that begins as a formula does has an apostrophe before.
    """
    table = as_table(table)
    papers = {id(value.row): line.paper for line in table.lines for value in line.values}
    records = []
    for source in table.sources:
        for rows in zip(*(own.rows for own in source.found), strict=True):
            for row, metric in zip(rows, table.metrics, strict=True):
                more = _published(papers.get(id(row)), metric.name) if table.has_published else {}
                records.append(_record(row, metric, source) | more)
    out = io.StringIO()
    # Sweeps with label splits have one column more than others that they stand below.
    heads = list(dict.fromkeys(head for own in records for head in own))
    writer = csv.DictWriter(out, heads, lineterminator="\n")
    writer.writeheader()
    for own in records:
        writer.writerow({head: guarded(cell) if isinstance(cell, str) else cell for head, cell in own.items()})
    return out.getvalue()


def _published(paper: PublishedRow | None, metric: str) -> Record:
    value = paper.values.get(metric) if paper else None
    return {
        "published": value.value if value else None,
        "published_doubtful": str(value.doubtful).lower() if value else None,
        "published_p": paper.p if paper and value and metric == "dice" else None,
        "published_variant": paper.variant if paper else None,
        "published_table": paper.table if paper else None,
    }


def _record(row: Row, metric: Metric, source: ScoredSweep) -> Record:
    """Return a row as a line of CSV: stored units (Dice from 0 to 1), full precision, None where missing."""
    found = row.difference
    test = found.test if found else None
    over_seeds = found.over_seeds if found else None
    seeds, splits = counts(row.trials.replicates)
    return {
        "sweep": source.sweep.name,
        "dataset": source.sweep.dataset,
        "split": source.split,
        "metric": metric.name,
        "class": row.class_name,
        "group": row.group,
        "variant": row.variant,
        "labeled": row.training.labeled,
        "unlabeled": row.training.unlabeled,
        "reference": source.reference,
        "mean": row.mean,
        "sd": row.sd,
        "ci_low": row.interval.low,
        "ci_high": row.interval.high,
        "n": row.n,
        "difference": test.difference if test else None,
        "difference_ci_low": found.interval.low if found else None,
        "difference_ci_high": found.interval.high if found else None,
        "difference_ci_over_seeds_low": over_seeds.interval.low if over_seeds else None,
        "difference_ci_over_seeds_high": over_seeds.interval.high if over_seeds else None,
        "hedges_g": found.g if found else None,
        "p": test.p if test else None,
        "p_holm": found.p_holm if found else None,
        "p_over_seeds": over_seeds.p if over_seeds else None,
        "p_over_seeds_holm": found.over_seeds_holm if found else None,
        "p_first": row.standing.first if row.standing else None,
        "p_false_claim": row.standing.false if row.standing else None,
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

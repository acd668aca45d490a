"""What the cells of tables say: values as the field writes them, and the lines of the CSV files."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal

from analysis.metric import Metric
from analysis.replicate import counts
from analysis.row import Row

if TYPE_CHECKING:
    from analysis.ablation import Table

MISSING: Final = "-"

Record = dict[str, str | int | float | None]


def shown(value: float | None, metric: Metric, sign: str = "") -> str:
    """Return a value in the metric's shown unit with its decimals."""
    # Adding 0 after rounding turns -0.00 into 0.00.
    return MISSING if value is None else f"{round(value * metric.scale, metric.digits) + 0.0:{sign}.{metric.digits}f}"


def shown_p(value: float | None) -> str:
    """Return a p-value with three decimals, or the bound that it lies beyond."""
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else ">0.999" if value > 0.999 else f"{value:.3f}"


def mean_and_sd(row: Row, metric: Metric, between: str = "±") -> str:
    """Return mean and SD in one cell."""
    return f"{shown(row.mean, metric)}{between}{shown(row.sd, metric)}" if row.mean is not None else MISSING


def half_width(row: Row) -> float | None:
    """Return half of the 95 % t interval of a row's mean, in the stored unit; None where it does not exist."""
    low, high = row.interval.low, row.interval.high
    return None if low is None or high is None else (high - low) / 2


def mean_and_spread(row: Row, metric: Metric, between: str, spread: Literal["sd", "ci"]) -> str:
    """Return mean and SD, or mean and half of its 95 % t interval, in one cell."""
    if spread == "sd" or row.mean is None:
        return mean_and_sd(row, metric, between)
    return f"{shown(row.mean, metric)}{between}{shown(half_width(row), metric)}"


def trial_cells(row: Row, short: bool = False) -> dict[str, str]:
    """Return what a row says of its trials: finished/planned, by seed alone or not, what failed, is open, is empty."""
    return {
        "trials" if row.trials.splits else "seeds": f"{len(row.trials.replicates)}/{row.trials.planned}",
        "failed": str(len(row.trials.failed)),
        "open" if short else "unfinished": str(row.trials.unfinished),
        "empty": str(row.empty_cases),
    }


def common_key(names: Sequence[str]) -> str:
    """Return `key=` if all names are different values of one key, else nothing."""
    keys = {name[: name.find("=") + 1] for name in names}
    return keys.pop() if len(keys) == 1 and len(names) > 1 and not any("," in name for name in names) else ""


def markdown_line(cells: Iterable[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Return text that stays in its cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def record(row: Row, table: "Table") -> Record:
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

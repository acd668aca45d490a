"""What the cells of tables say: values as the field writes them."""

from collections.abc import Iterable, Sequence
from typing import Literal

from analysis.comparison.metric import MISSING, Metric, shown
from analysis.comparison.row import Row


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

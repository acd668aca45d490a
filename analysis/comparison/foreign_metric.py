"""What a column of somebody else's scores measures: its direction, unit and scale."""

import re
from typing import Final

from analysis.comparison.metric import METRIC_BY_NAME, Metric
from analysis.errors import AnalysisError

SHARES: Final = frozenset(
    [
        "dice",
        "dsc",
        "f1",
        "jaccard",
        "jc",
        "iou",
        "nsd",
        "sensitivity",
        "recall",
        "precision",
        "specificity",
        "accuracy",
        "auc",
    ]
)
"""Words of metrics from 0 to 1, more being better, which the field writes in percent."""

LOWER: Final = frozenset(["hd", "hd95", "95hd", "hausdorff", "asd", "assd", "msd", "masd", "distance", "loss", "error"])
"""Words of metrics of which less is better."""

_UNITS: Final = {"mm": "mm", "vox": "voxel", "voxel": "voxel", "voxels": "voxel", "pct": "%", "percent": "%"}


def foreign_metric(column: str, largest: float, higher_is_better: bool | None = None) -> Metric:
    """Say what a column measures, by the words of its name.

    >>> foreign_metric("HD95_mm", 12.0).alternative, foreign_metric("DSC", 0.9).unit
    ('reference lower', '%')

    Args:
        column: its name.
        largest: the largest size of its values; shares up to 1 are shown in percent.
        higher_is_better: what the caller says of it; None tells it from the name.

    Raises:
        AnalysisError: the name does not tell whether more is better, and neither does the caller.
    """
    words = re.findall(r"[a-z0-9]+", column.lower())
    better = direction(column) if higher_is_better is None else higher_is_better
    if better is None:
        raise AnalysisError(
            f"The name '{column}' does not tell whether more of it is better; add --higher-is-better or "
            "--lower-is-better."
        )
    known = METRIC_BY_NAME.get(column)
    if known is not None and known.higher_is_better == better and (largest <= 1 or not better):
        return known
    label = column if known is None else known.label
    unit = next((_UNITS[word] for word in words if word in _UNITS), "")
    if direction(column) and SHARES & set(words):
        return Metric(column, label, "%", 100.0 if largest <= 1 and unit != "%" else 1.0, better)
    return Metric(column, label, unit, 1.0, better, digits=2 if largest >= 10 or unit else 4)


def direction(column: str) -> bool | None:
    """Tell by the words of a column's name whether more is better; None where they don't tell."""
    words = set(re.findall(r"[a-z0-9]+", column.lower()))
    higher, lower = bool(SHARES & words), bool(LOWER & words)
    return None if higher == lower else higher

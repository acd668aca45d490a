"""What a column of somebody else's scores measures: its direction, unit and scale."""

import re
from typing import TYPE_CHECKING, Final, Literal

from analysis.comparison.metric import METRIC_BY_NAME, Metric
from analysis.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

Unit = Literal["share", "percent"]
TOP: Final[dict[Unit, float]] = {"share": 1.0, "percent": 100.0}
"""The largest value in each unit."""

ROUNDING: Final = 1e-6
"""Part of its largest value by which a share may lie outside its range: single precision reaches 1.2e-7."""

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

_SIGNED: Final = frozenset(["loss", "error"])
_UNITS: Final = {"mm": "mm", "vox": "voxel", "voxel": "voxel", "voxels": "voxel", "pct": "%", "percent": "%"}


def foreign_metric(
    column: str, largest: float, higher_is_better: bool | None = None, share: Unit | None = None
) -> Metric:
    """Say what a column measures, by the words of its name.

    >>> foreign_metric("HD95_mm", 12.0).alternative, foreign_metric("DSC", 0.9, share="share").unit
    ('reference lower', '%')

    Args:
        column: its name.
        largest: the largest size of its values.
        higher_is_better: what the caller says of it; None tells it from the name.
        share: the unit that shares are in, see `unit_of_shares`; they are shown in percent.

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
    if known is not None and known.higher_is_better == better and share != "percent":
        return known
    label = column if known is None else known.label
    if share is not None:
        return Metric(column, label, "%", 100.0 / TOP[share], better)
    unit = next((_UNITS[word] for word in words if word in _UNITS), "")
    return Metric(column, label, unit, 1.0, better, digits=2 if largest >= 10 or unit else 4)


def direction(column: str) -> bool | None:
    """Tell by the words of a column's name whether more is better; None where they don't tell."""
    words = set(re.findall(r"[a-z0-9]+", column.lower()))
    higher, lower = bool(SHARES & words), bool(LOWER & words)
    return None if higher == lower else higher


def unit_of_shares(column: str, values: "Floats", asked: Unit | None = None) -> Unit | None:
    """Tell in which unit a column has shares, once for all of its rows; None where it has none.

    It is what the caller says, else what the name says (pct, percent, %), else told by the largest value.

    Args:
        column: its name.
        values: all of its values, NaN where missing.
        asked: what the caller says of this column.
    """
    import numpy as np

    if asked is not None or not direction(column):
        return asked
    if in_percent(column):
        return "percent"
    return "share" if np.nanmax(values) <= 1 + ROUNDING else "percent"


def in_percent(column: str) -> bool:
    """Tell whether a column's name says that it is in percent."""
    return "%" in column or "%" in {_UNITS.get(word) for word in re.findall(r"[a-z0-9]+", column.lower())}


def range_of(column: str, share: Unit | None) -> tuple[float, float]:
    """Return what the values of a column lie between: shares 0 to 1 or 100, distances 0 and more, others anything."""
    if share is not None:
        return 0.0, TOP[share]
    distance = direction(column) is False and not _SIGNED & set(re.findall(r"[a-z0-9]+", column.lower()))
    return (0.0 if distance else float("-inf")), float("inf")

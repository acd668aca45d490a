"""How each metric is named, scaled and judged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.errors import AnalysisError
from analysis.runs.sweep import hint
from analysis.statistics import Alternative
from simcvd.metrics.names import SURFACE_DICES, TOLERANCES_MM

MISSING: Final = "-"


@dataclass(frozen=True)
class Metric:
    """A column of the case records as tables show it.

    Attributes:
        name: the column.
        label: the field's name.
        unit: unit shown; empty where there is none.
        scale: factor from the stored to the shown value.
        higher_is_better: whether more is better.
        digits: decimals shown.
    """

    name: str
    label: str
    unit: str
    scale: float
    higher_is_better: bool
    digits: int = 2

    @property
    def bracketed(self) -> str:
        """The unit as headings write it; nothing where there is none."""
        return f"[{self.unit}]" if self.unit else ""

    def gain(self, difference: float) -> float:
        """Return a difference turned so that above 0 is better."""
        return difference if self.higher_is_better else -difference

    @property
    def difference_unit(self) -> str:
        """What differences are counted in: of percentages it is points."""
        return {"%": "points", "voxel": "voxels"}.get(self.unit, self.unit)

    @property
    def heading(self) -> str:
        """Label and unit."""
        return f"{self.label} {self.bracketed}".strip()

    @property
    def alternative(self) -> Alternative:
        """One-sided alternative in the reference's favour."""
        return "reference higher" if self.higher_is_better else "reference lower"


METRIC_BY_NAME: Final = {
    metric.name: metric
    for metric in (
        Metric("dice", "Dice", "%", 100.0, True),
        Metric("jaccard", "Jaccard", "%", 100.0, True),
        Metric("hd95_vox", "HD95", "voxel", 1.0, False),
        Metric("asd_vox", "ASD", "voxel", 1.0, False),
        Metric("assd_vox", "ASSD", "voxel", 1.0, False),
        Metric("hd95_mm", "HD95", "mm", 1.0, False),
        Metric("asd_mm", "ASD", "mm", 1.0, False),
        Metric("assd_mm", "ASSD", "mm", 1.0, False),
        *(
            Metric(name, f"NSD {mm} mm", "%", 100.0, True)
            for name, mm in zip(SURFACE_DICES, TOLERANCES_MM, strict=True)
        ),
    )
}


def find_metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        AnalysisError: there is none.
    """
    if name not in METRIC_BY_NAME:
        raise AnalysisError(
            f"There is no metric '{name}'{hint(name, METRIC_BY_NAME)}; metrics are {', '.join(METRIC_BY_NAME)}."
        )
    return METRIC_BY_NAME[name]


def labels(metrics: Sequence[Metric]) -> dict[Metric, str]:
    """Name metrics in a sentence: by their label, with the unit where two share it."""
    shared = Counter(metric.label for metric in metrics)
    return {m: m.label if shared[m.label] == 1 else f"{m.label} [{m.unit}]" for m in metrics}


def joined(words: Sequence[str]) -> str:
    """Join words for a sentence.

    >>> joined(["Dice"]), joined(["Dice", "HD95", "ASD"])
    ('Dice', 'Dice, HD95 and ASD')
    """
    return " and ".join([*([", ".join(words[:-1])] if words[:-1] else []), *words[-1:]])


def shown(value: float | None, metric: Metric, sign: str = "") -> str:
    """Return a value in the metric's shown unit with its decimals."""
    # Adding 0 after rounding turns -0.00 into 0.00.
    return MISSING if value is None else f"{round(value * metric.scale, metric.digits) + 0.0:{sign}.{metric.digits}f}"


def points(difference: float, metric: Metric) -> str:
    """Return a difference with its sign and unit."""
    return f"{shown(difference, metric, '+')} {metric.difference_unit}".strip()


def shown_p(value: float | None) -> str:
    """Return a p-value with three decimals, or the bound that it lies beyond."""
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else ">0.999" if value > 0.999 else f"{value:.3f}"

"""The numbers behind a report's figures: each case's value under each variant, and each trial's own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.comparison.aggregate import case_values, replicate_values
from analysis.comparison.metric import Metric
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.runs.replicate import Replicate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Values:
    """Values of all metrics, classes and variants; stored units, NaN is missing. K counts the classes.

    Attributes:
        metrics: the sweep's own first.
        classes: the foreground mean, then the classes; the mean alone where there is one class.
        cases: case ids.
        variants: names.
        values: replicates averaged per case, `[metrics, classes, variants, cases]`.
        by_replicate: of each finished replicate of each variant, the sweep's own metric, `[classes, cases]`.
    """

    metrics: tuple[Metric, ...]
    classes: tuple[str, ...]
    cases: tuple[str, ...]
    variants: tuple[str, ...]
    values: "Floats"
    by_replicate: dict[str, dict[Replicate, "Floats"]]


def values_of(scored: ScoredSweep) -> Values:
    """Arrange what the tables of a sweep were made from, case by case."""
    import numpy as np

    # Columns come as the classes, then the foreground mean; the report shows it first, and it alone for one class.
    several = len(scored.classes) != 1
    order = [-1, *range(len(scored.classes))] if several else [-1]
    return Values(
        metrics=scored.metrics,
        classes=("mean", *(scored.classes.values() if several else ())),
        cases=scored.cases,
        variants=tuple(scored.main.scores),
        values=np.stack(
            [np.stack([case_values(own)[:, order].T for own in each.scores.values()], axis=1) for each in scored.found]
        ),
        by_replicate={
            name: {run: values[:, order].T for run, values in zip(own.runs, replicate_values(own), strict=True)}
            for name, own in scored.main.scores.items()
        },
    )

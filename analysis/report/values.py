"""The numbers behind a report's figures: each case's value under each variant, and each trial's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.comparison.aggregate import Scores, case_values, replicate_values, score_trials, scores_of
from analysis.comparison.metric import Metric
from analysis.comparison.table import CASE_COLUMNS, Overview
from analysis.runs.records import read_cases, read_trials
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import Sweep

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


def read_values(runs: Path, sweep: Sweep, overview: Overview) -> Values:
    """Read what the tables of `overview` were made from, case by case.

    Raises:
        AnalysisError: a damaged record, or scores that can't be compared.
    """
    import numpy as np

    metrics = tuple(table.metric for table in overview.tables)
    trials = read_trials(runs, sweep.trial_ids, ["trial_id", "status"])
    finished = trials.loc[trials["status"] == "finished", "trial_id"].tolist()
    rows = read_cases(runs, finished, [*CASE_COLUMNS, *(metric.name for metric in metrics)])
    by_metric = score_trials(rows[rows["split"] == overview.main.split], [metric.name for metric in metrics])
    own = by_metric[metrics[0].name]
    # Columns come as the classes, then the foreground mean; the report shows it first, and it alone for one class.
    order = [-1] if len(own.classes) == 1 else [-1, *range(len(own.classes))]
    per_metric = []
    for metric in metrics:
        per_variant = [case_values(scores_of(by_metric[metric.name], v, finished))[:, order].T for v in sweep.variants]
        per_metric.append(np.stack(per_variant, axis=1))
    return Values(
        metrics=metrics,
        classes=tuple(block[0][0].class_name for block in overview.blocks()),
        cases=own.cases,
        variants=tuple(variant.name for variant in sweep.variants),
        values=np.stack(per_metric),
        by_replicate={each.name: _by_replicate(scores_of(own, each, finished), order) for each in sweep.variants},
    )


def _by_replicate(scores: Scores[Replicate], order: Sequence[int]) -> dict[Replicate, "Floats"]:
    return {run: values[:, order].T for run, values in zip(scores.runs, replicate_values(scores), strict=True)}

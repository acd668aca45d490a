"""One variant, class and metric of a scored sweep, and all rows of a metric."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.comparison.aggregate import Pairs, Scores
from analysis.comparison.difference import Difference
from analysis.comparison.metric import Metric
from analysis.runs.replicate import Replicate
from analysis.runs.training_cases import TrainingCases
from analysis.statistics import Interval


@dataclass(frozen=True)
class Trials:
    """What became of a variant's trials.

    Attributes:
        planned: all of them, one a replicate.
        replicates: those whose trial finished.
        unscored: those of `replicates` without scores on the table's split.
        failed: failure kind of each trial that failed.
        splits: label splits among the planned replicates; 0 where the sweep draws none.
    """

    planned: int
    replicates: tuple[Replicate, ...]
    unscored: tuple[Replicate, ...]
    failed: tuple[str, ...]
    splits: int = 0

    @property
    def unfinished(self) -> int:
        """Trials that neither finished nor failed: not started, running or interrupted."""
        return self.planned - len(self.replicates) - len(self.failed)


@dataclass(frozen=True)
class Row:
    """One variant and class; values in the metric's stored unit, None where missing.

    Attributes:
        variant: the variant's name.
        group: heading that the variant stands under; None without groups.
        published: its row in the published table, where that has another name.
        training: cases that it was trained on.
        class_id: the class; None for the mean over the foreground classes of each case.
        class_name: its name, or `mean`.
        is_reference: whether the others are compared with it.
        mean: over n cases, all finished replicates averaged per case.
        sd: sample standard deviation over these cases (n - 1).
        interval: 95 % t interval of the mean over cases.
        n: cases with a value.
        cases: cases scored.
        difference: variant against reference on matched cases and replicates; None for the reference itself or
            without one.
        trials: what became of its trials.
        empty_cases: cases with an empty prediction in any replicate although the label has voxels.
        empty_predictions: such predictions, over replicates, cases and classes.
        predictions: all predictions, over replicates, cases and classes.
        empty_labels: cases whose label is empty in this class (in any class for the mean).
    """

    variant: str
    group: str | None
    published: str | None
    training: TrainingCases
    class_id: int | None
    class_name: str
    is_reference: bool
    mean: float | None
    sd: float | None
    interval: Interval
    n: int
    cases: int
    difference: Difference | None
    trials: Trials
    empty_cases: int
    empty_predictions: int
    predictions: int
    empty_labels: int


@dataclass(frozen=True)
class Compared:
    """One metric of a sweep.

    Attributes:
        metric: what is compared.
        rows: the foreground mean of all variants, then each class.
        pairs: each variant matched with the reference.
        scores: each variant's scores.
    """

    metric: Metric
    rows: tuple[Row, ...]
    pairs: Mapping[str, Pairs] = field(repr=False, compare=False)
    scores: Mapping[str, Scores[Replicate]] = field(repr=False, compare=False)

    @property
    def means(self) -> list[Row]:
        """Rows of the foreground mean, one a variant."""
        return [row for row in self.rows if row.class_id is None]

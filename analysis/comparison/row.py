"""One variant, class and metric of a scored sweep, and all rows of a metric."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from analysis.comparison.aggregate import FOREGROUND, Pairs, Scores, replicate_values, selected
from analysis.comparison.difference import Difference, aligned
from analysis.comparison.metric import Metric
from analysis.runs.replicate import Replicate, by_split, chances, in_order
from analysis.runs.training_cases import TrainingCases
from analysis.statistics import Interval, Standing, seed_share_of_splits, standings

if TYPE_CHECKING:
    from collections.abc import Callable


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
        without_value: finished and scored replicates without any value of the metric, as records of before it was
            measured; left out of the mean.
        find_standing: works out `standing`.
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
    without_value: tuple[Replicate, ...] = ()
    find_standing: "Callable[[], Standing | None]" = field(default=lambda: None, repr=False, compare=False)

    @property
    def standing(self) -> Standing | None:
        """How likely it is really the best, and its difference really of the other sign; None where that is not known.

        It takes milliseconds.
        """
        return self.find_standing()


def standing_finder(
    scores: Mapping[str, Scores[Replicate]], metric: Metric, reference: str | None
) -> "Callable[[str, int], Standing | None]":
    """Return what finds where a variant stands in a class (by position) or in `FOREGROUND`, each class worked out once.

    All variants are compared on the replicates that all of them have. Where these are fewer than two seeds (or label
    splits), those variants are compared that have every replicate, and nothing is known of the others.

    Args:
        scores: each variant's scores of the metric.
        metric: the metric.
        reference: the variant that the others are compared with, if any.
    """
    scored = {name: own for name, own in scores.items() if own.runs}

    @cache
    def of_column(column: int) -> dict[str, Standing]:
        runs = [set(own.runs) for own in scored.values()]
        common = in_order(set.intersection(*runs)) if runs else ()
        taken = common if chances(common) > 1 else in_order(set().union(*runs))
        whole = {name: own for name, own in scored.items() if taken and set(taken) <= set(own.runs)}
        if not whole:
            return {}
        block = aligned(list(whole.values()), taken)[:, :, :, column]
        place = list(whole).index(reference) if reference in whole else None
        found = standings(block, metric.higher_is_better, place)
        return {} if found is None else dict(zip(whole, found, strict=True))

    return lambda variant, column: of_column(column).get(variant)


@dataclass(frozen=True)
class Compared:
    """One metric of a sweep.

    Attributes:
        metric: what is compared.
        rows: the foreground mean of all variants, then each class.
        pairs: each variant matched with the reference.
        scores: each variant's scores.
        apart: variants whose foreground mean seeds (or label splits) move more than the others', so that they are not
            in the variance that is pooled over variants.
    """

    metric: Metric
    rows: tuple[Row, ...]
    pairs: Mapping[str, Pairs] = field(repr=False, compare=False)
    scores: Mapping[str, Scores[Replicate]] = field(repr=False, compare=False)
    apart: tuple[str, ...] = ()

    @property
    def seed_share(self) -> float | None:
        """Share of the variance between label splits that is the seeds'; None where it is not known.

        It needs two label splits or more with the same two seeds or more, of all variants.
        """
        import numpy as np

        scored = [own for own in self.scores.values() if own.runs]
        if not scored or any(own.runs != scored[0].runs for own in scored):
            return None
        groups = list(by_split(scored[0].runs).values())
        if len(groups) < 2 or len({tuple(each.seed for each in group) for group in groups}) > 1:
            return None
        values = np.stack(
            [[replicate_values(selected(own, tuple(group)))[:, :, FOREGROUND] for group in groups] for own in scored]
        )
        return seed_share_of_splits(values[..., ~np.isnan(values).any(axis=(0, 1, 2))])

    @property
    def means(self) -> list[Row]:
        """Rows of the foreground mean, one a variant."""
        return [row for row in self.rows if row.class_id is None]

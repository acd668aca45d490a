"""From rows of scores to values per case, and to pairs of them.

The unit is the case. A variant's replicates (seeds, or seeds times label splits) are averaged per case and class,
classes then per case, so neither inflates n. Letters: `T` trials, `S` replicates of a variant, `N` cases, `K` classes
of the foreground. NaN is missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate, by_split, in_order, several_splits
from analysis.runs.sweep import PlannedVariant

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

FOREGROUND: Final = -1
"""Column of the mean over a case's foreground classes, after the columns of the classes."""


Run = TypeVar("Run", str, Replicate)


@dataclass(frozen=True)
class Scores(Generic[Run]):
    """Scores of one metric on the same cases.

    Attributes:
        runs: what the first axis counts: trial ids, or a variant's replicates.
        cases: case ids in rising order.
        classes: name of each foreground class by its id, in rising order.
        values: the metric, `[T or S, N, K]`.
        scored: whether there is a row at all, `[T or S, N, K]`.
        empty: whether the prediction is empty although the label has the class, `[T or S, N, K]`.
        present: whether the label has the class, `[N, K]`.
    """

    runs: tuple[Run, ...]
    cases: tuple[str, ...]
    classes: dict[int, str]
    values: "Floats"
    scored: "Flags"
    empty: "Flags"
    present: "Flags"


@dataclass(frozen=True)
class Pairs:
    """Cases of a variant matched with the reference's, and all that was left out; neither comes without the other.

    Attributes:
        variant: values per case that both sides were scored on, `[n, K + 1]`; from `replicates` only, NaN without a
            pair.
        reference: the same of the reference.
        variant_by_replicate: the same cases at each replicate of the test over replicates, `[S, n, K + 1]`: each of
            `replicates`; with several label splits each of these.
        reference_by_replicate: the same of the reference.
        cases: ids of these cases.
        replicates: those that both sides have.
        variant_replicates: those that only the variant has, left out.
        reference_replicates: those that only the reference has, left out.
        variant_cases: cases that only the variant was scored on, left out.
        reference_cases: cases that only the reference was scored on, left out.
        unpaired: values (replicate, case and class) left out because the other side's is missing.
    """

    variant: "Floats"
    reference: "Floats"
    variant_by_replicate: "Floats"
    reference_by_replicate: "Floats"
    cases: tuple[str, ...]
    replicates: tuple[Replicate, ...]
    variant_replicates: tuple[Replicate, ...]
    reference_replicates: tuple[Replicate, ...]
    variant_cases: tuple[str, ...]
    reference_cases: tuple[str, ...]
    unpaired: int

    def complete(self, column: int) -> "Flags":
        """Tell which cases have a value on both sides in a class (by position) or in `FOREGROUND`, `[n]`."""
        ours, theirs = self.variant[:, column], self.reference[:, column]
        there: Flags = (ours == ours) & (theirs == theirs)
        return there

    def of(self, column: int) -> tuple[list[float], list[float]]:
        """Return the complete pairs of a class (by position) or of `FOREGROUND`: variant, reference."""
        there = self.complete(column)
        return self.variant[there, column].tolist(), self.reference[there, column].tolist()


def score_trials(cases: "pd.DataFrame", metrics: Sequence[str]) -> dict[str, Scores[str]]:
    """Arrange rows of `CASE_SCHEMA` of one split as arrays, one for each metric; their order is of no consequence.

    Raises:
        AnalysisError: a trial scored a case twice, data sets differ, or trials were scored against different labels.
    """
    import numpy as np
    import pandas as pd

    if len(names := sorted(cases["dataset"].dropna().unique())) > 1:
        raise AnalysisError(
            f"The trials were scored on different data sets ({', '.join(names)}); compare trials of one data set."
        )
    coded = [pd.factorize(cases[key], sort=True) for key in ("trial_id", "case_id", "class_id")]
    places = tuple(codes for codes, _ in coded)
    trials, ids, classes = (tuple(known.tolist()) for _, known in coded)
    shape = (len(trials), len(ids), len(classes))
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, places, 1)
    if (counts > 1).any():
        trial, case, _ = np.argwhere(counts > 1)[0]
        raise AnalysisError(
            f"Trial {trials[trial]} has scored case {ids[case]} more than once; "
            "delete its files in results/ and run the same command again."
        )
    _check_labels(cases)
    values = {metric: np.full(shape, np.nan) for metric in metrics}
    for metric, array in values.items():
        array[places] = cases[metric].to_numpy(dtype=float)
    lacking, empty = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    lacking[places] = cases["empty_reference"].to_numpy(dtype=bool)
    empty[places] = cases["empty_prediction"].to_numpy(dtype=bool)
    named = cases.drop_duplicates("class_id")
    by_id = dict(zip(named["class_id"].tolist(), named["class_name"].tolist(), strict=True))
    shared: dict[str, Any] = {
        "runs": trials,
        "cases": ids,
        "classes": {class_id: by_id[class_id] for class_id in classes},
        "scored": counts > 0,
        "empty": empty & ~lacking,
        "present": np.logical_or.reduce((counts > 0) & ~lacking, axis=0),
    }
    return {metric: Scores(values=array, **shared) for metric, array in values.items()}


def _check_labels(cases: "pd.DataFrame") -> None:
    labels = cases.groupby(["case_id", "class_id"])[["reference_voxels", "class_name"]].nunique()
    if (changed := labels.gt(1).any(axis=1)).any():
        case, class_id = labels.index[changed][0]
        raise AnalysisError(
            f"Case {case}, class {class_id} was scored against different labels in different trials "
            f"({int(changed.sum())} such in all), so scores can't be compared; run the trials anew on one data set."
        )


def scores_of(trials: Scores[str], variant: PlannedVariant, finished: Iterable[str]) -> Scores[Replicate]:
    """Select a variant's trials that finished and were scored, in the order of their replicates.

    Args:
        trials: scores of all trials.
        variant: the variant; its replicates are those that the sweep planned.
        finished: ids of finished trials; what other trials left behind is not used.
    """
    usable = set(finished) & set(trials.runs)
    replicates = in_order(replicate for replicate, trial in variant.trials.items() if trial in usable)
    place = {trial: index for index, trial in enumerate(trials.runs)}
    return _select(trials, replicates, [place[variant.trials[replicate]] for replicate in replicates])


def case_values(scores: Scores[Replicate]) -> "Floats":
    """Average scores over replicates per case and class, then over classes per case.

    A replicate without a value (a failed trial, an empty prediction's distance) is left out of that case's average. The
    foreground mean runs over the classes that have a value; it is missing where a class that the label has is without
    one, because the mean of the others would reward an empty prediction. A class that the label lacks does not count.

    Returns:
        `[N, K + 1]`: the classes in the order of their ids, then the foreground mean.
    """
    import numpy as np

    values = _mean(scores.values, axis=0)
    mean = _mean(values, axis=1)
    mean[(np.isnan(values) & scores.present).any(axis=1)] = np.nan
    return np.column_stack([values, mean])


def replicate_values(scores: Scores[Replicate]) -> "Floats":
    """Average scores over classes per replicate and case, by the rules of `case_values`.

    Returns:
        `[S, N, K + 1]`: the classes in the order of their ids, then the foreground mean.
    """
    import numpy as np

    mean = _mean(scores.values, axis=2)
    mean[(np.isnan(scores.values) & scores.present).any(axis=2)] = np.nan
    return np.concatenate([scores.values, mean[:, :, None]], axis=2)


def tested_values(scores: Scores[Replicate]) -> "Floats":
    """Arrange the values that a test over replicates takes: one for each replicate of the test and case.

    These are the trainings. With two label splits or more they are the label splits, their seeds averaged by the rules
    of `case_values`: trainings on the same labels are not independent, and counted as if they were, a chance of 5 % of
    a false difference becomes one of over 20 % where the labels decide.

    Returns:
        `[S, N, K + 1]`: the classes in the order of their ids, then the foreground mean.
    """
    import numpy as np

    if not several_splits(scores.runs):
        return replicate_values(scores)
    return np.stack([case_values(selected(scores, tuple(own))) for own in by_split(scores.runs).values()])


def selected(scores: Scores[Replicate], replicates: tuple[Replicate, ...]) -> Scores[Replicate]:
    """Select some of the replicates."""
    return _select(scores, replicates, [scores.runs.index(each) for each in replicates])


def pair(variant: Scores[Replicate], reference: Scores[Replicate]) -> Pairs:
    """Match a variant with the reference by case, over the replicates that both have.

    Each difference is of like with like: a replicate, case and class enters only if both sides have a value there, so a
    seed that failed on one side, or a distance that is missing there, is left out of the other side as well.

    Args:
        variant: the variant's scores by replicate.
        reference: the reference's, on the same axis of cases.
    """
    import numpy as np

    ours, theirs = set(variant.runs), set(reference.runs)
    both = in_order(ours & theirs)
    a, b = (selected(side, both) for side in (variant, reference))
    in_a, in_b = (side.scored.any(axis=(0, 2)) for side in (a, b))
    shared = in_a & in_b
    missing = np.isnan(a.values) | np.isnan(b.values)
    one_sided = np.isnan(a.values) ^ np.isnan(b.values)
    matched = [replace(side, values=np.where(missing, np.nan, side.values)) for side in (a, b)]
    values = [case_values(side)[shared] for side in matched]
    by_replicate = [tested_values(side)[:, shared] for side in matched]
    return Pairs(
        variant=values[0],
        reference=values[1],
        variant_by_replicate=by_replicate[0],
        reference_by_replicate=by_replicate[1],
        cases=tuple(np.array(variant.cases)[shared].tolist()),
        replicates=both,
        variant_replicates=in_order(ours - theirs),
        reference_replicates=in_order(theirs - ours),
        variant_cases=tuple(np.array(variant.cases)[in_a & ~in_b].tolist()),
        reference_cases=tuple(np.array(variant.cases)[in_b & ~in_a].tolist()),
        unpaired=int(one_sided[:, shared].sum()),
    )


def _select(scores: Scores[Any], replicates: tuple[Replicate, ...], places: list[int]) -> Scores[Replicate]:
    picked = {name: getattr(scores, name)[places] for name in ("values", "scored", "empty")}
    return replace(scores, runs=replicates, **picked)


def _mean(values: "Floats", axis: int) -> "Floats":
    """Average what is there; without the warning that numpy.nanmean gives where nothing is."""
    import numpy as np

    count = (~np.isnan(values)).sum(axis=axis)
    return np.where(count > 0, np.nansum(values, axis=axis) / np.maximum(count, 1), np.nan)

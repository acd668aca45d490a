"""From rows of scores to values per case, and to pairs of them.

The unit is the case. A variant's seeds are averaged per case and class, classes then per case, so neither inflates n.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.sweep import Variant

FOREGROUND: Final = "mean"
"""Column of the mean over a case's foreground classes."""

_KEYS: Final = ["case_id", "class_id", "seed"]


@dataclass(frozen=True)
class Pairs:
    """Cases of a variant matched with the reference's, and all that was left out; neither comes without the other.

    Attributes:
        variant: index `case_id`, one column per class id and `mean`, from `seeds` only; NaN where a pair is incomplete.
        reference: the same of the reference.
        seeds: seeds that both sides have.
        variant_seeds: seeds that only the variant has, left out.
        reference_seeds: seeds that only the reference has, left out.
        variant_cases: cases that only the variant was scored on, left out.
        reference_cases: cases that only the reference was scored on, left out.
        unpaired: values (seed, case and class) left out because the other side's is missing.
    """

    variant: "pd.DataFrame"
    reference: "pd.DataFrame"
    seeds: tuple[int, ...]
    variant_seeds: tuple[int, ...]
    reference_seeds: tuple[int, ...]
    variant_cases: tuple[str, ...]
    reference_cases: tuple[str, ...]
    unpaired: int

    def of(self, column: int | str) -> tuple[list[float], list[float]]:
        """Return the complete pairs of a class id or of `mean`: variant, reference."""
        if column not in self.variant.columns or column not in self.reference.columns:
            return [], []
        ours, theirs = self.variant[column], self.reference[column]
        complete = ours.notna() & theirs.notna()
        return ours[complete].tolist(), theirs[complete].tolist()


def check_cases(cases: "pd.DataFrame") -> None:
    """Refuse rows that can not be compared with one another.

    Args:
        cases: rows of `CASE_SCHEMA` of one split.

    Raises:
        AnalysisError: a trial scored a case twice, data sets differ, or trials were scored against different labels.
    """
    if (double := cases.duplicated(["trial_id", "case_id", "class_id"])).any():
        row = cases[double].iloc[0]
        raise AnalysisError(
            f"Trial {row['trial_id']} has case {row['case_id']}, class {row['class_id']} more than once; "
            "delete its files in results/ and run the same command again."
        )
    if len(names := sorted(cases["dataset"].dropna().unique())) > 1:
        raise AnalysisError(
            f"The trials were scored on different data sets ({', '.join(names)}); compare trials of one data set."
        )
    labels = cases.groupby(["case_id", "class_id"])[["reference_voxels", "class_name"]].nunique()
    if (changed := labels.gt(1).any(axis=1)).any():
        case, class_id = labels.index[changed][0]
        raise AnalysisError(
            f"Case {case}, class {class_id} was scored against different labels in different trials "
            f"({int(changed.sum())} such in all), so scores can't be compared; run the trials anew on one data set."
        )


def scores_of(cases: "pd.DataFrame", variant: "Variant", finished: Iterable[str]) -> "pd.DataFrame":
    """Select the rows of a variant's finished trials and give each the seed that the sweep planned for it.

    Args:
        cases: rows of `CASE_SCHEMA` of one split.
        variant: the variant.
        finished: ids of finished trials; what other trials left behind is not used.

    Returns:
        The rows with a column `seed`, sorted, so that the order of rows never changes a digit.
    """
    done = set(finished)
    seeds = {trial: seed for seed, trial in variant.trials.items() if trial in done}
    rows = cases[cases["trial_id"].isin(list(seeds))]
    return rows.assign(seed=rows["trial_id"].map(seeds).astype("int64")).sort_values(_KEYS, ignore_index=True)


def case_table(scores: "pd.DataFrame", metric: str) -> "pd.DataFrame":
    """Average a variant's scores over seeds per case and class, then over classes per case.

    A seed without a value (a failed trial, an empty prediction's distance) is left out of that case's average. The
    foreground mean runs over the classes that have a value; it is missing where a class that the label contains has
    none, because the mean of the others would reward an empty prediction. A class that the label lacks does not count.

    Args:
        scores: rows of one variant from `scores_of`.
        metric: a column of `METRICS`.

    Returns:
        Index `case_id`; one column per class id in rising order, then `mean`. NaN is missing.
    """
    by_case = scores.groupby(["case_id", "class_id"])
    values = by_case[metric].mean().unstack("class_id")
    present = ~by_case["empty_reference"].all().unstack("class_id", fill_value=False)
    mean = values.mean(axis=1).mask((values.isna() & present).any(axis=1))
    return values.assign(**{FOREGROUND: mean})


def pair(variant: "pd.DataFrame", reference: "pd.DataFrame", metric: str) -> Pairs:
    """Match a variant with the reference by case, over the seeds that both have.

    Each difference is of like with like: a seed, case and class enters only if both sides have a value there, so a seed
    that failed on one side, or a distance that is missing there, is left out of the other side as well.

    Args:
        variant: rows of the variant from `scores_of`.
        reference: rows of the reference from `scores_of`.
        metric: a column of `METRICS`.
    """
    ours, theirs = (set(side["seed"].tolist()) for side in (variant, reference))
    seeds = ours & theirs
    sides = [side[side["seed"].isin(list(seeds))] for side in (variant, reference)]
    our_cases, their_cases = (set(side["case_id"].tolist()) for side in sides)
    cases = our_cases & their_cases
    indexed = [side[side["case_id"].isin(list(cases))].set_index(_KEYS) for side in sides]
    values = [side[metric] for side in indexed]
    there = [side.dropna().index for side in values]
    both = there[0].intersection(there[1])
    # A row without a pair stays as a missing value: the foreground mean needs to know that the class is there.
    a, b = (side.assign(**{metric: side[metric].where(side.index.isin(both))}).reset_index() for side in indexed)
    return Pairs(
        variant=case_table(a, metric),
        reference=case_table(b, metric),
        seeds=tuple(sorted(seeds)),
        variant_seeds=tuple(sorted(ours - seeds)),
        reference_seeds=tuple(sorted(theirs - seeds)),
        variant_cases=tuple(sorted(our_cases - cases)),
        reference_cases=tuple(sorted(their_cases - cases)),
        unpaired=len(there[0]) + len(there[1]) - 2 * len(both),
    )

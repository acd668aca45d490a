"""A variant against the reference: the difference, how sure it is, and by which test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from analysis.comparison.aggregate import Pairs, Scores, selected, tested_values
from analysis.runs.replicate import Replicate, chance, in_order, seed_share, several_splits
from analysis.statistics import (
    Alternative,
    CrossedTest,
    EffectSize,
    Interval,
    PairedTest,
    SeedVariance,
    bca_interval,
    crossed_test,
    differences,
    g_alone,
    hedges_g,
    holm,
    normality_doubt,
    paired_t_test,
    seed_variance,
    t_interval,
    wilcoxon,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SplitVariance(SeedVariance):
    """How much a variant's mean varies between label splits, the seeds of each averaged; `seeds` counts the splits.

    Attributes:
        seed_share: share of the seeds' variance that is in it, see `analysis.runs.replicate.seed_share`.
    """

    seed_share: Fraction = Fraction(1)


@dataclass(frozen=True)
class Difference:
    """Variant minus reference in one class and metric, on matched cases and replicates; in the metric's stored unit.

    What takes long is computed when it is first asked for.

    Attributes:
        variant: one value a case, replicates averaged.
        reference: the same cases in the same order.
        replicates: those that both sides have.
        alternative: what the tests hold against "no difference".
        test: the t-test over cases, which takes the trained networks as they are.
        over_seeds: the test over replicates and cases; these are the seeds or, where both sides have two label splits
            or more, the label splits, the seeds of each averaged. None with fewer than two.
        p_holm: p of `test`, adjusted for the family that `adjusted` was given; None without p.
        over_seeds_holm: p of `over_seeds`, adjusted likewise; None without p.
    """

    variant: tuple[float, ...] = field(repr=False)
    reference: tuple[float, ...] = field(repr=False)
    replicates: tuple[Replicate, ...]
    alternative: Alternative
    test: PairedTest
    over_seeds: CrossedTest | None
    p_holm: float | None = None
    over_seeds_holm: float | None = None

    @property
    def chance(self) -> str:
        """What `over_seeds` counts as chance beside the cases: seeds, or label splits."""
        return chance(several_splits(self.replicates))

    @cached_property
    def values(self) -> tuple[float, ...]:
        """Variant minus reference of each case, all equal where rounding alone parts them."""
        return tuple(differences(self.variant, self.reference).tolist())

    @cached_property
    def interval(self) -> Interval:
        """95 % t interval of the mean difference over cases."""
        return t_interval(self.values)

    @property
    def shown_interval(self) -> Interval:
        """95 % interval of the mean difference over seeds (or label splits) and cases; over cases where there is none.

        That over cases takes the trained networks as they are; of methods it held the true difference in 59 to 92 % of
        simulated sweeps, the other one in 94 to 98 % (benchmarks/coverage.py).
        """
        counted = self.over_seeds if self.interval_counts_seeds else None
        return self.interval if counted is None else counted.interval

    @property
    def interval_counts_seeds(self) -> bool:
        """Whether `shown_interval` is over seeds (or label splits) and cases."""
        return self.over_seeds is not None and self.over_seeds.interval.low is not None

    @cached_property
    def bootstrap(self) -> Interval:
        """95 % BCa bootstrap interval of the mean difference over cases; takes tens of milliseconds."""
        return bca_interval(self.values)

    @cached_property
    def effect(self) -> EffectSize:
        """Hedges' g of the paired values with its interval; takes milliseconds."""
        return hedges_g(self.variant, self.reference)

    @cached_property
    def g(self) -> float | None:
        """Hedges' g of the paired values; None where it does not exist."""
        return g_alone(self.variant, self.reference)

    @cached_property
    def signed_rank(self) -> PairedTest:
        """Wilcoxon's test over cases, in the direction of `test`; where that has no p, neither has this."""
        if self.test.p is None:
            return self.test
        return wilcoxon(self.variant, self.reference, self.alternative)

    @cached_property
    def normality(self) -> float | None:
        """The p-value of Shapiro and Wilk's test that the differences are normal; None where it or `test` has none."""
        if self.test.p is None:
            return None
        return normality_doubt(self.values)


def compare(pairs: Pairs, column: int, alternative: Alternative, pooled: SeedVariance | None = None) -> Difference:
    """Compare matched values of a class (by position) or of `FOREGROUND`.

    Args:
        pairs: the matched values.
        column: place of the class.
        alternative: what is held against "no difference".
        pooled: the seeds' variance over all variants, see `pooled_seed_variance`; without one the test over seeds takes
            it from the two sides alone, which is honest but weak. So it does where the variance is between label
            splits and the two share only one of these, or fewer seeds in each than the variance rests on.
    """
    ours, theirs = pairs.of(column)
    over_seeds = None
    if len(pairs.replicates) > 1:
        known = pooled if pooled is not None and pooled.variance is not None and _covers(pooled, pairs) else None
        by_replicate = pairs.variant_by_replicate[:, :, column], pairs.reference_by_replicate[:, :, column]
        over_seeds = crossed_test(*by_replicate, alternative, pooled=known)
    return Difference(
        variant=tuple(ours),
        reference=tuple(theirs),
        replicates=pairs.replicates,
        alternative=alternative,
        test=paired_t_test(ours, theirs, alternative),
        over_seeds=over_seeds,
    )


def _covers(pooled: SeedVariance, pairs: Pairs) -> bool:
    """Tell whether a variance is of what the pairs' test takes as replicates, and not of means over more seeds."""
    if not isinstance(pooled, SplitVariance):
        return not several_splits(pairs.replicates)
    return several_splits(pairs.replicates) and seed_share(pairs.replicates) <= pooled.seed_share


def adjusted(family: Mapping[str, Difference]) -> dict[str, Difference]:
    """Adjust the p-values of a family of comparisons by Holm's method, each kind of test for itself."""
    over_cases = holm([each.test.p for each in family.values()])
    over_seeds = holm([each.over_seeds.p if each.over_seeds else None for each in family.values()])
    return {
        name: replace(each, p_holm=first, over_seeds_holm=second)
        for (name, each), first, second in zip(family.items(), over_cases, over_seeds, strict=True)
    }


def untested(found: Difference, why: str) -> Difference:
    """Return a comparison without p-values.

    Args:
        found: the comparison.
        why: what to say in their place.
    """
    test = replace(found.test, p=None, why_no_p=why)
    return replace(found, test=test, over_seeds=None, p_holm=None, over_seeds_holm=None)


def pooled_seed_variance(scores: Sequence[Scores[Replicate]]) -> "list[SeedVariance | None]":
    """Estimate how much replicates move a variant's mean, pooled over the variants of a sweep.

    Replicates are the seeds or, with two label splits or more, the label splits, the seeds of each averaged. Variants
    may lack trainings: taken are either those that all scored variants have or all, with the variants that have them
    all, whichever leaves more degrees of freedom.

    Args:
        scores: each variant's scores of one metric, on the same axis of cases.

    Returns:
        The variance of each class in the order of their ids, then of the foreground mean; None where there is no
        variance. Between label splits it is a `SplitVariance`. Places of variants that it sets apart are those in
        `scores`.
    """
    import numpy as np

    scored = [own for own in scores if own.runs]
    if not scored:
        return []
    columns = len(scored[0].classes) + 1
    common = in_order(set.intersection(*(set(own.runs) for own in scored)))
    every = in_order(set.union(*(set(own.runs) for own in scored)))
    over_splits = several_splits(every)
    # Those that all have may lie in one label split, which says nothing of the others.
    usable = [each for each in dict.fromkeys((common, every)) if several_splits(each) == over_splits]
    choices = []
    for each in filter(None, usable):
        if having := [place for place, own in enumerate(scores) if set(each) <= set(own.runs)]:
            choices.append((having, aligned([scores[place] for place in having], each), seed_share(each)))
    found: list[SeedVariance | None] = []
    for column in range(columns):
        tried = [(_at(seed_variance(block[:, :, :, column]), having), share) for having, block, share in choices]
        known = [
            SplitVariance(**vars(each), seed_share=share) if over_splits else each
            for each, share in tried
            if each.variance is not None and np.isfinite(each.variance)
        ]
        found.append(max(known, key=lambda each: each.degrees_of_freedom, default=None))
    return found


def _at(found: SeedVariance, places: Sequence[int]) -> SeedVariance:
    return replace(found, apart=tuple(places[each] for each in found.apart))


def aligned(scored: Sequence[Scores[Replicate]], replicates: tuple[Replicate, ...]) -> "Floats":
    """Arrange values of variants that have these replicates as `[V, S, N, K + 1]`, S as of `tested_values`."""
    import numpy as np

    return np.stack([tested_values(selected(own, replicates)) for own in scored])

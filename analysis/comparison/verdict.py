"""What may be said of a comparison: its verdict, what weakens it, and the limits of both with their sources.

Tables, figures, the report and a search say what is decided here, each in its own words.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analysis.comparison.difference import Difference
from analysis.comparison.row import Row
from analysis.runs.replicate import Replicate, chances
from analysis.statistics import detectable_difference

SIGNIFICANT: Final = 0.05
"""Level of each family of tests, after Holm's correction: the usual one (Fisher 1925, Statistical Methods for Research
Workers). Simulated tables of no difference stay below it (tests/analysis/statistics/test_simulation.py)."""

POWER: Final = 0.8
"""Chance with which a difference must be found to be called one that these cases show (Cohen 1988, Statistical Power
Analysis, ch. 2)."""

ENOUGH_CASES: Final = 20
"""Cases from which p may be taken at its word. In simulated sweeps the test over seeds and cases was then wrong at most
1.1 times as often as its level says, with 10 cases up to 1.4 times (`crossed_test`); the t interval reaches 0.47
standard deviations to either side, with 10 cases 0.72."""

FEW_CASES: Final = 10
"""Cases below which even an SD is rough: that of n normal values is off by 1 / sqrt(2 (n - 1)) of itself, 24 % with 10
(Ahn and Fessler 2003, Standard errors of mean, variance, and standard deviation estimators)."""

ENOUGH_SEEDS: Final = 3
"""Seeds, or label splits, from which their test is of use. Two variants alone need 4.3 standard errors for a two-sided
5 %, with two seeds 12.7 (Student's t with 2 and 1 degrees of freedom); seven that share their variance then find 3 Dice
points in nine of ten simulated sweeps (tests/analysis/statistics/test_simulation.py)."""

NOT_NORMAL: Final = 0.01
"""p of Shapiro and Wilk's test below which differences do not look normal. It is asked of every comparison: of six with
normal differences it doubts one in 6 % of tables; at 0.05 it would in 26 %."""

Verdict = Literal["higher", "lower", "open"]


@dataclass(frozen=True)
class Finding:
    """One variant against the reference in one class and metric.

    Attributes:
        variant: the variant's name.
        difference: the comparison, its tests adjusted for the family.
        mean: mean of variant minus reference, stored unit.
    """

    variant: str
    difference: Difference
    mean: float

    @property
    def verdict(self) -> Verdict:
        """Whether the difference is more than the choice of cases explains, and in which direction."""
        p = self.difference.p_holm
        if p is None or p >= SIGNIFICANT:
            return "open"
        return "higher" if self.mean > 0 else "lower"

    @property
    def holds_over_seeds(self) -> bool:
        """Whether it is also more than the choice of seeds explains."""
        p = self.difference.over_seeds_holm
        return p is not None and p < SIGNIFICANT

    @property
    def undone_by_seeds(self) -> bool:
        """Whether cases show a difference that the test over seeds and cases does not bear out."""
        return self.verdict != "open" and self.difference.over_seeds_holm is not None and not self.holds_over_seeds

    @property
    def holds(self) -> bool:
        """Whether both tests show a difference, or the one over cases where there is no other."""
        return self.verdict != "open" and (self.difference.over_seeds is None or self.holds_over_seeds)

    @property
    def on_the_other_side(self) -> bool:
        """Whether a one-sided test looked away from a difference that the opposite test alone would have found."""
        p = self.difference.test.p
        return self.difference.alternative != "different" and p is not None and p > 1 - SIGNIFICANT

    @property
    def looks_skewed(self) -> bool:
        """Whether its differences do not look normal, so that the t-test is rough."""
        p = self.difference.normality
        return p is not None and p < NOT_NORMAL


def finding(variant: str, difference: Difference | None) -> Finding | None:
    """Return what is known of a variant; None for the reference and where the two share no case."""
    if difference is None or difference.test.difference is None:
        return None
    return Finding(variant, difference, difference.test.difference)


def findings(rows: Sequence[Row]) -> list[Finding]:
    """Return what is known of every variant that shares cases with the reference, the highest difference first.

    Args:
        rows: all variants in one class and metric.
    """
    found = (finding(row.variant, row.difference) for row in rows)
    return sorted((one for one in found if one is not None), key=lambda one: -one.mean)


Practical = Literal["better", "equivalent", "worse", "unknown"]


def practical(difference: Difference, margin: float, higher_is_better: bool) -> Practical | None:
    """Judge a difference by a margin below which it does not matter.

    By its 95 % interval (`Difference.shown_interval`): wholly within the
    margin is equivalent, wholly beyond it better or worse, anything else unknown. That is stricter than two one-sided
    tests at 5 %, which take the 90 % interval (Schuirmann 1987, Journal of Pharmacokinetics 15, 657-680).

    Args:
        difference: variant minus reference.
        margin: the smallest difference that matters, above 0, in the stored unit.
        higher_is_better: direction of the metric.

    Returns:
        What it is; None where there is no interval.
    """
    low, high = difference.shown_interval.low, difference.shown_interval.high
    if low is None or high is None or difference.test.p is None:
        return None
    if not higher_is_better:
        low, high = -high, -low
    if -margin <= low and high <= margin:
        return "equivalent"
    return "better" if low > margin else "worse" if high < -margin else "unknown"


def few_cases(n: int) -> bool:
    """Tell whether there are cases, but so few that an SD and p are rough."""
    return 0 < n < FEW_CASES


def wide_intervals(n: int) -> bool:
    """Tell whether there are cases, but so few that intervals are to be read before p."""
    return 0 < n < ENOUGH_CASES


def one_training(replicates: Sequence[Replicate]) -> bool:
    """Tell whether there is one training only, so that a difference can't be told from its luck."""
    return chances(replicates) == 1


def few_trainings(replicates: Sequence[Replicate]) -> bool:
    """Tell whether seeds, or label splits, are so few that a test over them is weak."""
    return chances(replicates) < ENOUGH_SEEDS


def detectable(tested: Sequence[Difference]) -> float | None:
    """Return the true difference that a family of t-tests finds with the chance `POWER`, in the stored unit.

    For the usual number of cases and the median spread of the differences, at the level that Holm's correction asks of
    the smallest p.

    Args:
        tested: comparisons that have a p-value; without any, there is nothing to find.
    """
    import numpy as np

    if not tested:
        return None
    spread = float(np.median([np.std(own.values, ddof=1) for own in tested]))
    level = SIGNIFICANT / len(tested)
    return detectable_difference(spread, usual_cases(tested), level, POWER, tested[0].alternative)


def usual_cases(tested: Sequence[Difference]) -> int:
    """Return the number of cases that most comparisons rest on."""
    return Counter(own.test.n for own in tested).most_common(1)[0][0]

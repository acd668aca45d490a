"""Student's t-test on paired values, the test of the paper's tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.statistics.samples import differences

Alternative = Literal["reference higher", "reference lower", "different"]


@dataclass(frozen=True)
class PairedTest:
    """Outcome of a paired test.

    Attributes:
        n: pairs, that is cases.
        difference: mean of variant minus reference, in the unit of the values; None without pairs.
        p: p-value in [0, 1]; None where the test does not exist.
        why_no_p: why it does not; None where it does.
    """

    n: int
    difference: float | None
    p: float | None
    why_no_p: str | None = None


def paired_t_test(variant: Sequence[float], reference: Sequence[float], alternative: Alternative) -> PairedTest:
    """Test the mean difference of paired values with Student's t (Table III of the paper: "reference higher").

    With d = variant - reference over n cases, t = mean(d) / (sd(d) / sqrt(n)) has n - 1 degrees of freedom; "reference
    higher" takes p = P(T <= t), "reference lower" P(T >= t), "different" both tails.

    The null is that these trained networks score the same on average over all cases that these were drawn from. It says
    nothing about networks trained with other seeds; `crossed_test` does.

    >>> test = paired_t_test([0.80, 0.70, 0.90], [0.85, 0.80, 0.90], "reference higher")
    >>> round(test.difference, 3), round(test.p, 4)
    (-0.05, 0.1127)

    Args:
        variant: one finite value a case.
        reference: the same cases in the same order.
        alternative: what is held against "the means are equal".

    Returns:
        The test. Fewer than two pairs and differences that do not vary have no p-value: t does not exist there.

    Raises:
        ValueError: the lengths differ or a value is not finite.
    """
    import numpy as np

    difference = differences(variant, reference)
    n = len(difference)
    if n == 0:
        return PairedTest(0, None, None, "there are no pairs")
    mean = float(difference.mean())
    if n == 1:
        return PairedTest(1, mean, None, "there is one pair only")
    if np.ptp(difference) == 0:
        identical = bool(np.all(difference == 0))
        return PairedTest(n, mean, None, "all pairs are identical" if identical else "all differences are equal")
    # Not scipy.stats.ttest_rel, whose checks take most of the time of a table with thousands of tests.
    from scipy.special import stdtr

    t = mean / (float(difference.std(ddof=1)) / n**0.5)
    below, above = float(stdtr(n - 1, t)), float(stdtr(n - 1, -t))
    p = {"reference higher": below, "reference lower": above, "different": 2 * min(below, above)}[alternative]
    return PairedTest(n, mean, p)

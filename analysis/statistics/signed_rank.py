"""Wilcoxon's signed-rank test on paired values: no normal distribution needed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis.statistics.paired import Alternative
from analysis.statistics.samples import both_sides, rounding

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

EXACT_TO: Final = 200
"""Pairs that differ up to which p is exact; beyond, the normal distribution is as good."""


@dataclass(frozen=True)
class SignedRankTest:
    """Outcome of the signed-rank test.

    Attributes:
        n: pairs, that is cases.
        zeros: pairs without a difference, which the test leaves out.
        ties: whether differences of one size share a rank.
        statistic: sum of the ranks of the cases where the variant is higher; None where p is.
        pseudomedian: median of all means of two differences (Hodges and Lehmann 1963), in the unit of the values; None
            without pairs.
        p: p-value in [0, 1]; None where the test does not exist.
        exact: whether p is counted, not approximated.
        why_no_p: why there is none; None where there is.
    """

    n: int
    zeros: int
    ties: bool
    statistic: float | None
    pseudomedian: float | None
    p: float | None
    exact: bool
    why_no_p: str | None = None


def wilcoxon(variant: "npt.ArrayLike", reference: "npt.ArrayLike", alternative: Alternative) -> SignedRankTest:
    """Test whether paired differences are symmetric about 0 (Wilcoxon 1945, Biometrics Bulletin 1, 80-83).

    W = sum of rank(|d_i|) over d_i > 0, d = variant - reference. "Reference higher" takes p = P(W <= w), "reference
    lower" P(W >= w), "different" twice the smaller of both, at most 1.

    Zeros are left out before ranking, as Wilcoxon did; n - zeros is then what p rests on. Tied |d| share their mean
    rank. |d| that differ by rounding alone are tied. Given the ranks, each sign is + or - with probability 1/2, so P is
    counted exactly, with or without ties, for up to 200 pairs that differ; beyond, W is taken as normal with
    mean sum(r) / 2 and variance sum(r^2) / 4, without a correction for continuity.

    The smallest one-sided p is 2^-n: fewer than five pairs that differ can't reach 5 %.

    >>> test = wilcoxon([0.80, 0.70, 0.90, 0.60], [0.85, 0.80, 0.89, 0.60], "reference higher")  # d: -.05, -.1, .01, 0
    >>> test.statistic, test.p, test.zeros  # ranks 2, 3, 1: of 8 sign patterns, W <= 1 in two
    (1.0, 0.25, 1)

    Args:
        variant: one finite value a case.
        reference: the same cases in the same order.
        alternative: what is held against "the differences are symmetric about 0".

    Returns:
        The test; without a p-value where no pair differs.

    Raises:
        ValueError: the lengths differ or a value is not finite.
    """
    import numpy as np

    a, b = both_sides(variant, reference)
    n = len(a)
    if n == 0:
        return SignedRankTest(0, 0, False, None, None, None, False, "there are no pairs")
    difference, same = a - b, rounding(a, b)
    centre = _pseudomedian(difference)
    kept = difference[np.abs(difference) > same]
    zeros = n - len(kept)
    if not len(kept):
        return SignedRankTest(n, zeros, False, None, centre, None, False, "all pairs are identical")
    ranks = _ranks(np.abs(kept), same)
    w = float(ranks[kept > 0].sum())
    exact = len(kept) <= EXACT_TO
    below, above = _tails(ranks, w) if exact else _normal_tails(ranks, w)
    p = {"reference higher": below, "reference lower": above, "different": min(1.0, 2 * min(below, above))}[alternative]
    ties = len(np.unique(ranks)) < len(ranks)
    return SignedRankTest(n, zeros, ties, w, centre, p, exact)


def _pseudomedian(difference: "Floats") -> float:
    import numpy as np

    i, j = np.triu_indices(len(difference))
    return float(np.median((difference[i] + difference[j]) / 2))


def _ranks(sizes: "Floats", same: float) -> "Floats":
    """Rank from 1; sizes that follow each other within `same` share the mean of their ranks."""
    import numpy as np

    order = np.argsort(sizes)
    group = np.concatenate([[0], np.cumsum(np.diff(sizes[order]) > same)])
    means = np.bincount(group, weights=np.arange(1, len(sizes) + 1)) / np.bincount(group)
    ranks = np.empty(len(sizes))
    ranks[order] = means[group]
    return ranks


def _tails(ranks: "Floats", w: float) -> tuple[float, float]:
    """Return P(W <= w) and P(W >= w) over all sign patterns; doubled ranks are whole, so W has few values."""
    import numpy as np

    doubled = np.sort(np.rint(2 * ranks).astype(np.int64))
    chance = np.zeros(int(doubled.sum()) + 1)
    chance[0], end = 1.0, 1
    for rank in doubled.tolist():
        before = chance[:end] / 2
        chance[:end] = before
        end += rank
        chance[rank:end] += before
    at = round(2 * w)
    return min(1.0, float(chance[: at + 1].sum())), min(1.0, float(chance[at:].sum()))


def _normal_tails(ranks: "Floats", w: float) -> tuple[float, float]:
    from scipy.special import ndtr

    z = (w - ranks.sum() / 2) / ((ranks**2).sum() / 4) ** 0.5
    return float(ndtr(z)), float(ndtr(-z))

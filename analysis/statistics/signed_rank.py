"""Wilcoxon's signed-rank test on paired values: no normal distribution needed."""

from typing import TYPE_CHECKING, Final

from analysis.statistics.paired import Alternative, PairedTest
from analysis.statistics.samples import both_sides, rounding

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

EXACT_TO: Final = 200
"""Pairs that differ up to which p is exact; beyond, the normal distribution is as good."""


def wilcoxon(variant: "npt.ArrayLike", reference: "npt.ArrayLike", alternative: Alternative) -> PairedTest:
    """Test whether paired differences are symmetric about 0 (Wilcoxon 1945, Biometrics Bulletin 1, 80-83).

    W = sum of rank(|d_i|) over d_i > 0, d = variant - reference. "Reference higher" takes p = P(W <= w), "reference
    lower" P(W >= w), "different" twice the smaller of both, at most 1.

    Zeros are left out before ranking, as Wilcoxon did; p rests on the pairs that differ. Tied |d| share their mean
    rank. |d| that differ by rounding alone are tied. Given the ranks, each sign is + or - with probability 1/2, so P is
    counted exactly, with or without ties, for up to 200 pairs that differ; beyond, W is taken as normal with
    mean sum(r) / 2 and variance sum(r^2) / 4, without a correction for continuity.

    The smallest one-sided p is 2^-n: fewer than five pairs that differ can't reach 5 %.

    >>> test = wilcoxon([0.80, 0.70, 0.90, 0.60], [0.85, 0.80, 0.89, 0.60], "reference higher")  # d: -.05, -.1, .01, 0
    >>> test.n, test.p  # ranks 2, 3, 1: of 8 sign patterns, W <= 1 in two
    (4, 0.25)

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
        return PairedTest(0, None, None, "there are no pairs")
    difference, same = a - b, rounding(a, b)
    mean, kept = float(difference.mean()), difference[np.abs(difference) > same]
    if not len(kept):
        return PairedTest(n, mean, None, "all pairs are identical")
    ranks = _ranks(np.abs(kept), same)
    w = float(ranks[kept > 0].sum())
    below, above = _tails(ranks, w) if len(kept) <= EXACT_TO else _normal_tails(ranks, w)
    p = {"reference higher": below, "reference lower": above, "different": min(1.0, 2 * min(below, above))}[alternative]
    return PairedTest(n, mean, p)


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

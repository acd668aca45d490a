"""How much seeds move a variant's mean, told from all variants of a sweep that seeds move alike."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis.statistics.samples import rounding, scores

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_LEVEL: Final = 0.05
"""Of the test that sets variants apart, all variants together."""


@dataclass(frozen=True)
class SeedVariance:
    """How much a variant's mean over cases varies between seeds, told from the variants of a sweep.

    Attributes:
        variants: V, variants that it rests on.
        seeds: S, seeds that it rests on.
        cases: cases that it rests on.
        variance: in the squared unit of the scores; None where it can't be told.
        degrees_of_freedom: (V - 1) (S - 1).
        why_none: why there is no variance; None where there is.
        apart: places of the variants that seeds move more than the others, which it does not rest on and says nothing
            of.
    """

    variants: int
    seeds: int
    cases: int
    variance: float | None
    degrees_of_freedom: int
    why_none: str | None = None
    apart: tuple[int, ...] = ()


def seed_variance(values: "npt.ArrayLike") -> SeedVariance:
    """Estimate the variance between seeds of a variant's mean over cases, pooled over the variants of a sweep.

    Three seeds alone tell next to nothing of it (2 degrees of freedom); seven variants with three seeds tell it with
    12. With m_vs the mean of variant v at seed s over cases,

        variance = sum_vs r_vs^2 / ((V - 1) (S - 1)),   r_vs = m_vs - m_v. - m_.s + m_..,

    the variants x seeds mean square of the Dorfman-Berbaum-Metz analysis, with seeds for readers (Hillis 2007,
    Statistics in Medicine 26, 596-619). What a seed does to all variants alike is not in it: it cancels in a
    difference.

    Seeds must matter equally to the variants that it is pooled over. One that collapses with some seeds would hide
    every difference between the others, and its own would be called sure that is not. So a variant is set apart where
    its means differ from the others' mean at the same seed by more than they differ among themselves:

        F_v = (sum_s (d_vs - d_v.)^2 / (S - 1) / (1 + 1 / (V - 1))) / (variance of the others),   d_vs = m_vs - mean of
        the others at s,

    against Fisher's F with S - 1 and (V - 2) (S - 1) degrees of freedom, at 5 % by Bonferroni for V variants; the
    largest first, until none is left or two variants are. In simulated sweeps without differences it left 3 to 7 %
    false tables where one variant or the reference had up to 80 times the others' SD between seeds; pooled over all
    alike, up to 14 %. One of 20 times hid a true difference of another variant that is found in 89 % of sweeps now, in
    8 % then (tests/analysis/statistics/test_simulation.py).

    >>> seed_variance([[[1.0, 3.0], [2.0, 4.0]], [[1.0, 3.0], [4.0, 6.0]]]).variance  # m: 2, 3; 2, 5
    1.0

    Args:
        values: `[V, S, N]`, scores of all variants at the same seeds and cases; NaN where missing.

    Returns:
        The variance, to be handed to `crossed_test`. Variants that lack a seed altogether are left out first, then
        every case that lacks a value. With fewer than two variants, seeds or one case there is none.

    Raises:
        ValueError: not three axes, or a value is infinite.
    """
    import numpy as np

    y = scores(values, "VSN")
    there = ~np.isnan(y)
    kept = np.logical_and.reduce(there.any(axis=2), axis=1)
    cases = np.logical_and.reduce(there[kept], axis=(0, 1))
    variants, seeds, n = int(kept.sum()), y.shape[1], int(cases.sum()) if kept.any() else 0
    df = max(0, variants - 1) * max(0, seeds - 1)
    for number, least, what in ((variants, 2, "two variants"), (seeds, 2, "two seeds"), (n, 1, "one case")):
        if number < least:
            return SeedVariance(variants, seeds, n, None, df, f"fewer than {what} with all values")
    alike, apart = np.flatnonzero(kept).tolist(), []
    means = y[:, :, cases].mean(axis=2)
    unit = rounding(means[alike]) ** 2
    while (own := _squares(means[alike])).max() > max(unit, _largest_share(len(alike), seeds) * own.sum()):
        apart.append(alike.pop(int(own.argmax())))
    df = (len(alike) - 1) * (seeds - 1)
    return SeedVariance(len(alike), seeds, n, float(own.sum()) / df, df, apart=tuple(sorted(apart)))


def _squares(means: "Floats") -> "Floats":
    """Return sum_s r_vs^2 of each variant, of means `[V, S]`."""
    rest = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0) + means.mean()
    squares: Floats = (rest**2).sum(axis=1)
    return squares


def _largest_share(variants: int, seeds: int) -> float:
    """Return the share of all variants' sums r^2 above which the largest is no chance; 1 where none is set apart.

    With q_v = sum_s r_vs^2 and Q their sum, V / (V - 1) q_v is the squares of d_v in F_v, and Q without it the others'.
    """
    from scipy.special import fdtri

    if variants < 3:
        return 1.0
    f = float(fdtri(seeds - 1, (variants - 2) * (seeds - 1), 1 - _LEVEL / variants))
    return (variants - 1) / variants * f / (f + variants - 2)

"""How large a paired difference is, in units of its own spread over cases."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.statistics.intervals import check_level
from analysis.statistics.noncentral import noncentrality_of
from analysis.statistics.samples import differences

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EffectSize:
    """A standardised mean difference; it has no unit.

    Attributes:
        n: pairs, that is cases.
        level: confidence level of the interval.
        g: Hedges' g_z; None where it does not exist.
        low: lower limit of delta_z; None where g is.
        high: upper limit of delta_z; None where g is.
        why_none: why it does not exist; None where it does.
    """

    n: int
    level: float
    g: float | None
    low: float | None
    high: float | None
    why_none: str | None = None


def hedges_g(variant: "npt.ArrayLike", reference: "npt.ArrayLike", level: float = 0.95) -> EffectSize:
    """Compute Hedges' g of paired values, standardised by the spread of the differences (g_z).

    d_z = mean(d) / sd(d) with d = variant - reference, sd with n - 1; g_z = J(n - 1) d_z with
    J(m) = Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2)), which makes g_z unbiased for delta_z = E(d) / SD(d) where
    the differences are normal (Hedges 1981; Lakens 2013, Frontiers in Psychology 4:863, eq. 7 for d_z; Borenstein et
    al. 2009, ch. 4).

    Taken is d_z, not d_av (the difference over the mean of both sides' SDs): every comparison here is of the same
    cases, d_z is what the paired test and `detectable_difference` work with, and its interval is exact. d_av answers
    another question, how large the difference is next to how cases differ from each other; the two must not be compared
    with each other, nor g_z with the g of independent groups.

    The interval is of delta_z: sqrt(n) d_z is noncentral t with n - 1 degrees of freedom and noncentrality
    sqrt(n) delta_z, inverted at both limits (Steiger and Fouladi 1997). It is exact for normal differences and holds 0
    where `t_interval` of the differences does.

    >>> size = hedges_g([0.80, 0.70, 0.90], [0.85, 0.80, 0.90])  # d: -.05, -.1, 0: d_z = -1; J(2) = 1 / sqrt(pi)
    >>> round(size.g, 4)
    -0.5642

    Args:
        variant: one finite value a case.
        reference: the same cases in the same order.
        level: confidence level in (0, 1).

    Returns:
        The effect size. Fewer than three pairs (J(1) = 0) and differences that do not vary have none.

    Raises:
        ValueError: the lengths differ, a value is not finite or the level is not in (0, 1).
    """
    check_level(level)
    n, d_z, why_none = _d_z(differences(variant, reference))
    if d_z is None:
        return EffectSize(n, level, None, None, None, why_none)
    t, tail = d_z * n**0.5, (1 - level) / 2
    limits = (noncentrality_of(t, n - 1, below) / n**0.5 for below in (tail, 1 - tail))
    return EffectSize(n, level, _unbiased(n - 1) * d_z, *limits)


def g_alone(variant: "npt.ArrayLike", reference: "npt.ArrayLike") -> float | None:
    """Compute the g of `hedges_g` without its interval, which takes a hundred times as long; None where there is none.

    >>> round(g_alone([0.80, 0.70, 0.90], [0.85, 0.80, 0.90]), 4)
    -0.5642
    """
    n, d_z, _ = _d_z(differences(variant, reference))
    return None if d_z is None else _unbiased(n - 1) * d_z


def _d_z(d: "Floats") -> tuple[int, float | None, str | None]:
    """Return n, the standardised difference, and why there is none."""
    import numpy as np

    n = len(d)
    if n < 3:
        return n, None, {0: "there are no pairs", 1: "there is one pair only", 2: "there are two pairs only"}[n]
    if np.ptp(d) == 0:
        return n, None, "the differences do not vary"
    return n, float(d.mean() / d.std(ddof=1)), None


def _unbiased(m: int) -> float:
    """Return J(m)."""
    from math import exp, lgamma, log

    return exp(lgamma(m / 2) - lgamma((m - 1) / 2) - log(m / 2) / 2)

"""Planning: how small a difference so many cases and seeds can show."""

from typing import TYPE_CHECKING

from analysis.statistics.components import VarianceComponents
from analysis.statistics.noncentral import above
from analysis.statistics.paired import Alternative

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def detectable_difference(
    sd_of_differences: float,
    n: int,
    alpha: float = 0.05,
    power: float = 0.8,
    alternative: Alternative = "different",
) -> float | None:
    """Return the smallest true mean difference that the paired t-test on n cases finds with the given power.

    t of a true difference delta is noncentral t with n - 1 degrees of freedom and noncentrality sqrt(n) delta / sd;
    delta is where P(t beyond its critical value) = power (Cohen 1988, ch. 2). Exact for normal differences.

    For a family of m comparisons take alpha / m, what Holm's correction asks of the smallest p. For s seeds take
    `VarianceComponents.sd_of_seed_mean(s)` of the differences.

    >>> round(detectable_difference(2.0, 20), 3)  # Dice points, 20 cases
    1.321

    Args:
        sd_of_differences: over cases, of values averaged over seeds, in the unit of the scores.
        n: cases.
        alpha: level of the test, in (0, 1).
        power: chance to find the difference, in (alpha, 1).
        alternative: one- or two-sided; a one-sided test finds it on its own side only.

    Returns:
        The size of the difference, in the unit of the scores; None for fewer than two cases.

    Raises:
        ValueError: a negative or infinite sd, alpha not in (0, 1) or power not in (alpha, 1).
    """
    _check(alpha, power)
    if not 0 <= sd_of_differences < float("inf"):
        raise ValueError(f"a standard deviation must be finite and not negative, found {sd_of_differences}")
    if n < 2:
        return None
    from scipy.optimize import brentq
    from scipy.special import stdtrit

    both = alternative == "different"
    beyond = float(stdtrit(n - 1, 1 - alpha / (2 if both else 1)))

    def excess(noncentrality: float) -> float:
        found = above(beyond, n - 1, noncentrality)
        return found + (above(beyond, n - 1, -noncentrality) if both else 0.0) - power

    high = 1.0
    while excess(high) < 0:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-10) * sd_of_differences / n**0.5)


def detectable_difference_over_seeds(
    components: VarianceComponents,
    seeds: int,
    cases: int,
    alpha: float = 0.05,
    power: float = 0.8,
    alternative: Alternative = "different",
    seed_degrees_of_freedom: int | None = None,
) -> float | None:
    """Return the smallest true mean difference that `crossed_test` finds: what more seeds or more cases would bring.

    The mean difference is normal with the variance C / N + U / S + E / (S N); the mean squares that the critical value
    is made of are independent chi-squared around their expectations E + S C, E + N U and E. The power is averaged over
    them on a grid of their quantiles, to about 0.001 in power.

    Args:
        components: of the differences of two variants, from a sweep at hand.
        seeds: seeds planned.
        cases: cases planned.
        alpha: level of the test, in (0, 1).
        power: chance to find the difference, in (alpha, 1).
        alternative: one- or two-sided.
        seed_degrees_of_freedom: of the variance between seeds, (V - 1) (S - 1) where it is pooled over V variants; None
            takes S - 1.

    Returns:
        The size of the difference, in the unit of the scores; None without components or for fewer than two seeds or
        cases.

    Raises:
        ValueError: alpha not in (0, 1), power not in (alpha, 1) or degrees of freedom below 1.
    """
    _check(alpha, power)
    if seed_degrees_of_freedom is not None and seed_degrees_of_freedom < 1:
        raise ValueError(f"degrees of freedom must be at least 1, found {seed_degrees_of_freedom}")
    if components.case_sd is None or components.seed_sd is None or components.residual_sd is None:
        return None
    if seeds < 2 or cases < 2:
        return None
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import ndtr, stdtrit

    case, seed, rest = (sd**2 for sd in (components.case_sd, components.seed_sd, components.residual_sd))
    size, df = seeds * cases, seed_degrees_of_freedom or seeds - 1
    error = (case / cases + seed / seeds + rest / size) ** 0.5
    if error == 0:
        return 0.0
    both = alternative == "different"
    tail = alpha / (2 if both else 1)
    of_seeds = (rest + cases * seed) * _chances(df, 100)[:, None, None]
    of_cases = (rest + seeds * case) * _chances(cases - 1, 30)[:, None]
    of_rest = rest * _chances((seeds - 1) * (cases - 1), 8)
    case_part = np.maximum(of_cases - of_rest, 0)
    limit = np.sqrt((of_seeds * stdtrit(df, tail) ** 2 + case_part * stdtrit(cases - 1, tail) ** 2) / size)

    def excess(difference: float) -> float:
        found = ndtr((difference - limit) / error)
        return float((found + (ndtr((-difference - limit) / error) if both else 0.0)).mean()) - power

    high = error
    while excess(high) < 0:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-9 * error))


def _chances(df: int, count: int) -> "npt.NDArray[np.float64]":
    """Return quantiles of chi-squared over its degrees of freedom, each of the same chance."""
    import numpy as np
    from scipy.special import chdtri

    return np.asarray(chdtri(df, 1 - (np.arange(count) + 0.5) / count), dtype=np.float64) / df


def _check(alpha: float, power: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1), found {alpha}")
    if not alpha < power < 1:
        raise ValueError(f"the power must lie between alpha and 1, found {power}")

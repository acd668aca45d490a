"""How small a difference so many cases can show."""

from analysis.statistics.noncentral import above
from analysis.statistics.paired import Alternative


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

    For a family of m comparisons take alpha / m, what Holm's correction asks of the smallest p.

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
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1), found {alpha}")
    if not alpha < power < 1:
        raise ValueError(f"the power must lie between alpha and 1, found {power}")
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

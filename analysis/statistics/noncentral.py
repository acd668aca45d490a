"""The noncentral t distribution, from its upper tail alone: SciPy's lower tail is NaN where it is tiny."""


def above(t: float, df: int, noncentrality: float) -> float:
    """Return P(T > t). P(T < t) is `above(-t, df, -noncentrality)`."""
    from scipy.stats import nct

    return float(nct.sf(t, df, noncentrality))


def noncentrality_of(t: float, df: int, share_above: float) -> float:
    """Return the noncentrality for which P(T > t) is a share in (0, 1); it rises with the share.

    >>> round(noncentrality_of(2.0, 10**6, 0.5), 4)  # many degrees of freedom: T is normal around it
    2.0
    """
    from scipy.optimize import brentq

    reach = 1.0
    while above(t, df, t - reach) > share_above or above(t, df, t + reach) < share_above:
        reach *= 2
    return float(brentq(lambda shift: above(t, df, shift) - share_above, t - reach, t + reach, xtol=1e-10))

"""The mean of per-case values and its confidence interval."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LEVEL: Final = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        mean: over n values.
        low: lower end; None with fewer than two values.
        high: upper end; None with fewer than two values.
        n: values.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends; the mean where there is no interval, so that nothing is drawn."""
        return (self.mean, self.mean) if self.low is None or self.high is None else (self.low, self.high)


def case_interval(values: Iterable[float], level: float = LEVEL) -> Interval | None:
    """Return mean and Student's t interval: mean ± t(n - 1, (1 + level) / 2) sd / sqrt(n).

    >>> case_interval([1.0, 2.0, 3.0, float("nan")])
    Interval(mean=2.0, low=-0.484137..., high=4.484137..., n=3)

    Args:
        values: one a case; missing ones (NaN) are left out.
        level: coverage.

    Returns:
        None where no value is there.
    """
    import numpy as np
    from scipy.stats import t

    there = np.asarray(list(values), dtype=float)
    there = there[~np.isnan(there)]
    n = len(there)
    if n == 0:
        return None
    mean = float(there.mean())
    if n == 1:
        return Interval(mean, None, None, 1)
    half = float(t.ppf((1 + level) / 2, n - 1) * there.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)

"""The interval of a mean over cases, as figures draw it."""

from collections.abc import Iterable
from typing import Final

from analysis.statistics import Interval, t_interval

LEVEL: Final = 0.95


def case_interval(values: Iterable[float]) -> Interval:
    """Return the t interval of what is there.

    Args:
        values: one a case; missing ones (NaN) are left out.
    """
    return t_interval([value for value in values if value == value], LEVEL)


def ends(interval: Interval) -> tuple[float, float]:
    """Return both limits; the mean where there is no interval, so that nothing is drawn; NaN where there is no mean."""
    if interval.low is None or interval.high is None:
        middle = float("nan") if interval.estimate is None else interval.estimate
        return middle, middle
    return interval.low, interval.high

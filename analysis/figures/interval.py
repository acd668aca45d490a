"""The intervals of means over cases, as figures draw them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analysis.statistics import Interval, t_interval

if TYPE_CHECKING:
    from analysis.comparison.aggregate import Floats

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


def moved(interval: Interval, mean: float | None) -> Interval:
    """Return an interval around another mean: that of a difference around a variant's own mean, where curves stand."""
    if mean is None or interval.estimate is None or interval.low is None or interval.high is None:
        return replace(interval, estimate=mean, low=None, high=None)
    by = mean - interval.estimate
    return replace(interval, estimate=mean, low=interval.low + by, high=interval.high + by)


def within_cases(values: "Floats") -> list[Interval]:
    """Return the interval of each variant's mean without what makes a case hard for all variants alike.

    With y_vn over V variants and N cases, the t interval of variant v is that of the values

        y_vn - y_.n + y_..    (Cousineau 2005, Tutorials in Quantitative Methods for Psychology 1, 42-45),

    its half width times sqrt(V / (V - 1)), which these values lack on average (Morey 2008, same journal 4, 61-64). The
    squared standard errors then have the mean MS_cases x variants / N of the two-way layout (Loftus and Masson 1994,
    Psychonomic Bulletin and Review 1, 476-490). The interval of one variant holds some of the others' variance, so
    where there is a reference, differences to it are what to show (Franz and Loftus 2012, same journal 19, 395-404).

    Args:
        values: `[V, N]`; variants without any value and cases that lack one of another variant are left out.

    Returns:
        One for each variant around the mean of all its own values; without limits where fewer than two variants or
        cases are left.
    """
    there = values == values
    scored = there.any(axis=1)
    complete = there[scored].all(axis=0) & bool(scored.any())
    block = values[scored][:, complete]
    variants, cases = block.shape
    level = block - block.mean(axis=0) + (block.mean() if block.size else 0.0)
    wider = (variants / max(1, variants - 1)) ** 0.5
    found = iter([_scaled(case_interval(own), wider) if variants > 1 else None for own in level])
    means = [float(own[known].mean()) if known.any() else None for own, known in zip(values, there, strict=True)]
    none = Interval(cases, LEVEL, None, None, None, "fewer than two variants")
    return [
        moved((next(found) or none) if has else none, mean) if has else replace(none, n=0)
        for has, mean in zip(scored.tolist(), means, strict=True)
    ]


def _scaled(interval: Interval, factor: float) -> Interval:
    if interval.estimate is None or interval.low is None or interval.high is None:
        return interval
    half = factor * (interval.high - interval.low) / 2
    return replace(interval, low=interval.estimate - half, high=interval.estimate + half)

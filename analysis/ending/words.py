"""Numbers as sentences have them."""

from typing import Final

from analysis.comparison.metric import Metric, points, shown, shown_p
from analysis.comparison.row import Row
from analysis.comparison.verdict import Finding

_NUMBERS: Final = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_HOUR_S: Final = 3600


def count(number: int, what: str) -> str:
    """Return a number of things in words, as long as it is small.

    >>> count(1, "variant"), count(3, "variant"), count(36, "trial")
    ('one variant', 'three variants', '36 trials')
    """
    return f"{_NUMBERS[number] if number < len(_NUMBERS) else number} {what}{'' if number == 1 else 's'}"


def p_text(p: float) -> str:
    """Return `p = 0.012`, or the bound that it lies beyond."""
    text = shown_p(p)
    return f"p {text[0]} {text[1:]}" if text[0] in "<>" else f"p = {text}"


def difference_text(finding: Finding, metric: Metric) -> str:
    """Return a difference with its interval and p-values.

    `+0.90 points (95 % CI 0.30 to 1.50), p = 0.012; over seeds and cases p = 0.034`
    """
    each = finding.difference
    text = points(finding.mean, metric)
    interval = each.shown_interval
    if interval.low is not None:
        text += f" (95 % CI {shown(interval.low, metric)} to {shown(interval.high, metric)})"
    if each.p_holm is not None:
        text += f", {p_text(each.p_holm)}"
    if each.over_seeds_holm is not None:
        text += f"; over {each.chance} and cases {p_text(each.over_seeds_holm)}"
    return text


def mean_text(row: Row, metric: Metric) -> str:
    """Return a variant's mean: `Dice 78.20 % (SD 4.10)`."""
    spread = f" (SD {shown(row.sd, metric)})" if row.sd is not None else ""
    return f"{metric.label} {shown(row.mean, metric)} {metric.unit}{spread}"


def superlative(metric: Metric) -> str:
    """Return what the best mean is."""
    return "highest" if metric.higher_is_better else "lowest"


def time_text(seconds: float) -> str:
    """Return a time in the unit that fits.

    >>> time_text(40), time_text(1500), time_text(9000)
    ('40 s', '25 min', '2.5 h')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} h"

"""What weakens a comparison, in sentences."""

from typing import Final

from analysis.statistics.crossed import CrossedTest
from analysis.statistics.intervals import Interval
from analysis.statistics.paired import PairedTest

ENOUGH_SEEDS: Final = 3
ENOUGH_CASES: Final = 30
"""From here on an interval of a mean is narrower than 0.75 standard deviations."""

SIGNIFICANT: Final = 0.05


def comparison_warnings(
    interval: Interval,
    seeds: int,
    *,
    unmatched_cases: int = 0,
    empty_predictions: int = 0,
    normality: float | None = None,
    test: PairedTest | None = None,
    over_seeds: CrossedTest | None = None,
    scale: float = 1.0,
    unit: str = "",
) -> tuple[str, ...]:
    """Say in whole sentences what a reader of a comparison should keep in mind.

    >>> comparison_warnings(Interval(40, 0.95, -0.01, -0.02, 0.0), seeds=1)
    ('Only one seed, so the difference may be the luck of one training; train three or more.',)

    Args:
        interval: of the mean difference over cases.
        seeds: seeds that both sides have.
        unmatched_cases: cases that only one side was scored on.
        empty_predictions: predictions without a voxel although the label has some, on both sides together.
        normality: p-value of `normality_doubt` of the differences.
        test: the test over cases.
        over_seeds: the test over seeds and cases, to be held against `test`.
        scale: factor from the stored to the shown value.
        unit: unit shown, after each limit.

    Returns:
        The sentences, what matters most first; none where nothing is to be said.
    """
    told = []
    if seeds < ENOUGH_SEEDS:
        few = {0: "No seed in common", 1: "Only one seed"}.get(seeds, f"Only {seeds} seeds")
        luck = "so the difference may be the luck of one training" if seeds == 1 else "so luck is hard to tell apart"
        told.append(f"{few}, {luck}; train three or more.")
    p = None if test is None else test.p
    p_over_seeds = None if over_seeds is None else over_seeds.p
    if p is not None and p_over_seeds is not None and p < SIGNIFICANT <= p_over_seeds:
        told.append(
            f"The difference holds for these trained networks (p = {p:.2g} over cases), but other seeds could undo it "
            f"(p = {p_over_seeds:.2g} over seeds and cases)."
        )
    if 0 < interval.n < ENOUGH_CASES:
        told.append(_width(interval, scale, unit))
    if unmatched_cases:
        told.append(f"{_count(unmatched_cases, 'case')} scored on one side only and left out of the difference.")
    if empty_predictions:
        told.append(
            f"{_count(empty_predictions, 'prediction')} empty although the label is not: overlap counts as 0, while "
            "distances are missing and leave their cases out, which flatters the side with more of them."
        )
    if normality is not None and normality < SIGNIFICANT:
        told.append(
            f"The differences do not look normal (Shapiro-Wilk p = {normality:.2g}), so the t-test is rough; look at "
            "the signed-rank test as well."
        )
    return tuple(told)


def _width(interval: Interval, scale: float, unit: str) -> str:
    cases = "one case" if interval.n == 1 else f"{interval.n} cases"
    if interval.low is None or interval.high is None or interval.estimate is None:
        return f"With only {cases} the difference has no interval: {interval.why_none}."
    shown = " ".join(filter(None, ["{:.2f}", unit]))
    mean, low, high = (shown.format(scale * each) for each in (interval.estimate, interval.low, interval.high))
    return f"With only {cases} the difference of {mean} is uncertain: {low} to {high} ({interval.level:.0%} interval)."


def _count(number: int, what: str) -> str:
    return f"One {what} is" if number == 1 else f"{number} {what}s are"

"""Forest plot of an ablation: each variant's mean difference to the reference with its intervals, n and p.

Each line stands beside the p that says the same: below 0.05 where the line leaves out 0. A table's p, adjusted for the
number of comparisons by Holm's method, asks for more than its line shows, so it has a column of its own.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.difference import Difference
from analysis.comparison.metric import shown_p
from analysis.comparison.verdict import one_training
from analysis.figures.canvas.legend import legend_below
from analysis.figures.canvas.rows import columns, row_chart
from analysis.figures.canvas.style import (
    BLACK,
    BLUE,
    GREY,
    SMALL_PT,
    TWO_COLUMNS_MM,
    VERMILLION,
    difference_label,
    style,
    wrapped,
)
from analysis.figures.comparison import Comparison, PairedCases
from analysis.figures.interval import LEVEL, ends
from analysis.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_BESIDE_ZERO: Final = 0.16
_FAR: Final = 8.0
"""An interval that reaches so many times as far as the median one is an arrow at the edge, its numbers beside it."""
_OVER_CASES: Final[dict[str, Any]] = {"color": BLACK, "linewidth": 1.6, "solid_capstyle": "butt", "zorder": 2}
_OVER_SEEDS: Final[dict[str, Any]] = {"color": BLACK, "linewidth": 0.6, "marker": "|", "markersize": 4}
_NARROW_MM: Final = 120.0
"""In a figure below this width there is room beside the rows for p alone, over seeds and cases where there is such."""


def forest_figure(data: Comparison, width_mm: float = TWO_COLUMNS_MM) -> "Figure":
    """Draw one row a variant: square at the mean difference, lines over its intervals.

    Thick: over cases; thin, where two seeds or more are shared: over seeds and cases.

    Raises:
        ValueError: there is no reference or no pair.
    """
    if not data.paired:
        raise ValueError("there is no case that a variant and the reference share")
    with style():
        figure, axes = row_chart([pairs.variant for pairs in data.pairs], width_mm, 5.0, 20)
        axes.axvline(0, color=GREY, linewidth=0.7, zorder=0)
        outside = _beyond(data)
        across = axes.get_yaxis_transform()
        for row, pairs in enumerate(data.pairs):
            mean = pairs.difference.interval.estimate
            if mean is None:
                axes.text(0.02, row, "no pair", transform=across, va="center", color=VERMILLION)
            elif pairs.variant in outside:
                side = 1 if mean > 0 else -1
                axes.plot([0.5 + 0.48 * side], [row], ">" if side > 0 else "<", color=BLACK, transform=across)
            else:
                _draw(axes, row, pairs, mean, data.metric.scale)
        axes.margins(x=0.08)
        _room_around_zero(axes)
        narrow = width_mm < _NARROW_MM
        label = difference_label(data.metric, str(data.reference))
        if narrow:  # it has no room for words on both sides of 0
            label += f", better to the {'right' if data.metric.higher_is_better else 'left'}"
        else:
            _write_directions(axes, data)
        axes.set_xlabel(wrapped(label, 0.6 * width_mm))
        columns(axes, _numbers(data, narrow))
        if _over_seeds(data):
            level = f"{100 * LEVEL:g} % CI over"
            axes.plot([], [], **_OVER_CASES, label=f"{level} cases")
            axes.plot([], [], **_OVER_SEEDS, label=f"{level} {data.chance} and cases")
            legend_below(figure, axes, 1 if narrow else 2)
    return figure


def forest_caption(data: Comparison) -> str:
    """Say what the figure shows and what is missing."""
    metric, level = data.metric, f"{100 * LEVEL:g} %"
    better = "higher" if metric.higher_is_better else "lower"
    alternative = f"is {better}" if data.sides == "one-sided" else "differs"
    tests = _tests(data)
    text = (
        f"{data.subject()}: difference to {data.reference}, mean over n matched cases ({data.luck} averaged per case) "
        f"with its {level} t interval over cases, which takes the trained networks as they are. "
    )
    if _over_seeds(data):
        text += f"Thin line: {level} interval over {data.chance} and cases, whose limits stand in brackets. "
    if tests:
        text += f"p: paired {data.sides} t-test over cases; "
        if _over_seeds(data):
            text += f"over {data.chance}: the same comparison tested over {data.chance} and cases; "
        text += f"alternative: the {metric.label} of {data.reference} {alternative}."
        below = (
            "0.05 where its line leaves out 0"
            if data.sides == "two-sided"
            else ("0.025 where its line leaves out 0 on the side of the alternative")
        )
        which = "p alone" if tests > 1 else "p"
        text += f" {which} is below {below}"
        if tests > 1:
            text += f"; p Holm, that of the tables, is adjusted by Holm's method for {tests} comparisons"
        text += "."
    if all(one_training(pairs.difference.replicates) for pairs in data.paired):
        text += " One seed each: another training could undo a difference."
    if outside := _beyond(data):
        text += f" Arrows: outside of the axis ({', '.join(outside)})."
    unpaired = [
        f"{pairs.variant}: {pairs.left_out} scored cases without a pair, left out."
        for pairs in data.pairs
        if pairs.left_out
    ]
    return " ".join([text.rstrip(), *data.remarks(), *unpaired])


def _draw(axes: "Axes", row: int, pairs: PairedCases, mean: float, scale: float) -> None:
    axes.plot([scale * end for end in ends(pairs.difference.interval)], [row, row], **_OVER_CASES)
    over_seeds = _seed_interval(pairs)
    if over_seeds is not None:
        axes.plot([scale * end for end in ends(over_seeds)], [row, row], **_OVER_SEEDS)
    axes.plot([scale * mean], [row], "s", markersize=4.5, color=BLUE, markeredgewidth=0, zorder=3)


def _room_around_zero(axes: "Axes") -> None:
    """Leave room for the words on both sides of 0."""
    low, high = axes.get_xlim()
    room = _BESIDE_ZERO * (high - low)
    axes.set_xlim(min(low, -room), max(high, room))


def _numbers(data: Comparison, narrow: bool) -> dict[str, list[str]]:
    """Return the columns beside the rows; in a narrow figure p alone, that of the widest line."""
    differences = [pairs.difference for pairs in data.pairs]
    unit = data.metric.difference_unit
    found = {
        f"difference{f' in {unit}' if unit else ''}\n[{100 * LEVEL:g} % CI]": [
            _written(own.shown_interval, data.metric.scale) for own in differences
        ],
        "\nn": [str(own.test.n) for own in differences],
    }
    p_columns = (
        {}
        if narrow and _over_seeds(data)
        else _p_columns(data, "over cases" if _over_seeds(data) else "", lambda own: (own.test.p, own.p_holm))
    )
    if _over_seeds(data):
        p_columns |= _p_columns(
            data,
            f"over {data.chance}",
            lambda own: (own.over_seeds.p if own.over_seeds else None, own.over_seeds_holm),
        )
    if narrow:
        return p_columns
    return found | p_columns


def _p_columns(
    data: Comparison, over: str, of: "Callable[[Difference], tuple[float | None, float | None]]"
) -> dict[str, list[str]]:
    """Return p as its line has it and as the tables have it; once where there is one comparison."""
    pairs_of_p = [of(pairs.difference) for pairs in data.pairs]
    adjusted = [shown_p(holm) for _, holm in pairs_of_p]
    if _tests(data) < 2:
        return {f"{over}\np": adjusted}
    return {f"{over}\np alone": [shown_p(alone) for alone, _ in pairs_of_p], f"{over}\np Holm": adjusted}


def _tests(data: Comparison) -> int:
    return sum(pairs.difference.p_holm is not None for pairs in data.pairs)


def _seed_interval(pairs: PairedCases) -> Interval | None:
    """Return the interval over seeds and cases, where there is one."""
    crossed = pairs.difference.over_seeds
    return crossed.interval if crossed is not None and crossed.interval.low is not None else None


def _over_seeds(data: Comparison) -> bool:
    return any(_seed_interval(pairs) is not None for pairs in data.pairs)


def _widest(pairs: PairedCases) -> Interval:
    """Return the interval over seeds and cases unless the one over cases is wider."""
    found = [pairs.difference.interval, _seed_interval(pairs) or pairs.difference.interval]
    return max(found, key=lambda interval: ends(interval)[1] - ends(interval)[0])


def _beyond(data: Comparison) -> list[str]:
    """Name the variants whose interval reaches so far that the others could not be told from 0 beside it."""
    reach = {pairs.variant: max(map(abs, ends(_widest(pairs)))) for pairs in data.paired}
    usual = sorted(reach.values())[len(reach) // 2] if len(reach) > 2 else math.inf
    return [variant for variant, far in reach.items() if far > _FAR * usual > 0]


def _write_directions(axes: "Axes", data: Comparison) -> None:
    """Write on which side of 0 a variant is better."""
    left, right = ("worse", "better") if data.metric.higher_is_better else ("better", "worse")
    for text, align, offset in ((f"← {left}", "right", (-3, 2)), (f"{right} →", "left", (3, 2))):
        axes.annotate(
            text,
            (0, 1),
            offset,
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha=align,
            va="bottom",
            fontsize=SMALL_PT,
            color=GREY,
        )


def _written(interval: Interval, scale: float) -> str:
    if interval.estimate is None:
        return "-"
    mean = _signed(scale * interval.estimate)
    if interval.low is None or interval.high is None:
        return f"{mean} [-]"
    return f"{mean} [{_signed(scale * interval.low)}, {_signed(scale * interval.high)}]"


def _signed(value: float) -> str:
    # Adding 0 after rounding turns -0.00 into 0.00.
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")

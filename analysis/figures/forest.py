"""Forest plot of an ablation: each variant's mean difference to the reference with its interval, n and p."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis.figures.comparison import Comparison
from analysis.figures.interval import LEVEL, Interval, case_interval
from analysis.figures.rows import columns, row_chart
from analysis.figures.style import BLACK, BLUE, GREY, TWO_COLUMNS_MM, VERMILLION, axis_label, style, wrapped
from analysis.metric import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_FAR: Final = 8.0
"""An interval that reaches so many times as far as the median one is an arrow at the edge, its numbers beside it."""


@dataclass(frozen=True)
class Effect:
    """A variant against the reference.

    Attributes:
        variant: the variant's name.
        difference: variant minus reference over matched cases, stored unit; None without a pair.
        n: matched cases.
        p: of the ablation table's test; None where there is none.
    """

    variant: str
    difference: Interval | None
    n: int
    p: float | None


@dataclass(frozen=True)
class Forest:
    """What `forest_figure` draws.

    Attributes:
        metric: what the differences are of.
        reference: name of the variant that all are compared with.
        effects: in the order of the sweep.
        subject: the metric and the cases in words.
        remarks: what is missing, in sentences.
    """

    metric: Metric
    reference: str
    effects: tuple[Effect, ...]
    subject: str
    remarks: tuple[str, ...] = ()


def forest(comparison: Comparison) -> Forest | None:
    """Return the effects of a comparison; None where no variant has a pair with the reference."""
    if comparison.reference is None or not any(len(pairs.cases) for pairs in comparison.pairs):
        return None
    effects = [
        Effect(
            variant=pairs.variant,
            difference=case_interval(pairs.values - pairs.reference),
            n=len(pairs.cases),
            p=pairs.test.p,
        )
        for pairs in comparison.pairs
    ]
    unpaired = [
        f"{pairs.variant}: {pairs.left_out} scored cases without a pair, left out."
        for pairs in comparison.pairs
        if pairs.left_out
    ]
    return Forest(
        metric=comparison.metric,
        reference=comparison.reference,
        effects=tuple(effects),
        subject=comparison.subject(),
        remarks=(*comparison.remarks(), *unpaired),
    )


def forest_figure(data: Forest, width_mm: float = TWO_COLUMNS_MM) -> "Figure":
    """Draw one row a variant: square at the mean difference, line over its interval; a filled square excludes 0."""
    with style():
        figure, axes = row_chart([effect.variant for effect in data.effects], width_mm, 5.0, 17)
        scale = data.metric.scale
        axes.axvline(0, color=GREY, linewidth=0.7, zorder=0)
        outside = _beyond(data)
        for row, effect in enumerate(data.effects):
            if effect.difference is None:
                axes.text(0.02, row, "no pair", transform=axes.get_yaxis_transform(), va="center", color=VERMILLION)
                continue
            if effect.variant in outside:
                sign = 1 if effect.difference.mean > 0 else -1
                across = axes.get_yaxis_transform()
                axes.plot([0.5 + 0.48 * sign], [row], ">" if sign > 0 else "<", color=BLACK, transform=across)
                continue
            low, high = (scale * end for end in effect.difference.ends)
            clear = effect.difference.low is not None and (low > 0 or high < 0)
            axes.plot([low, high], [row, row], color=BLACK, linewidth=1.0, solid_capstyle="butt", zorder=2)
            axes.plot(
                [scale * effect.difference.mean],
                [row],
                "s",
                markersize=4.5,
                markerfacecolor=BLUE if clear else "white",
                markeredgecolor=BLUE,
                zorder=3,
            )
        axes.margins(x=0.08)
        label = f"{axis_label(data.metric)}, difference to {data.reference}"
        axes.set_xlabel(f"{wrapped(label, 0.6 * width_mm)}\n{_directions(data.metric)}")
        columns(
            axes,
            {
                f"difference [{100 * LEVEL:g} % CI]": [_written(effect.difference, scale) for effect in data.effects],
                "n": [str(effect.n) for effect in data.effects],
                "p": ["-" if effect.p is None else _p(effect.p) for effect in data.effects],
            },
        )
    return figure


def forest_caption(data: Forest) -> str:
    """Say what the figure shows and what is missing."""
    tail = "higher" if data.metric.higher_is_better else "lower"
    several = f"; not corrected for {len(data.effects)} comparisons" if len(data.effects) > 1 else ""
    text = (
        f"{data.subject}: difference to {data.reference}, mean over n matched cases (seeds averaged per case) with its "
        f"{100 * LEVEL:g} % t interval; filled: the interval excludes 0. p: paired one-sided t-test over cases, "
        f"alternative: the {data.metric.label} of {data.reference} is {tail}{several}."
    )
    if outside := _beyond(data):
        text += f" Arrows: outside of the axis ({', '.join(outside)})."
    return " ".join([text, *data.remarks])


def _beyond(data: Forest) -> list[str]:
    """Name the variants whose interval reaches so far that the others could not be told from 0 beside it."""
    reach = {e.variant: max(map(abs, e.difference.ends)) for e in data.effects if e.difference is not None}
    usual = sorted(reach.values())[len(reach) // 2] if len(reach) > 2 else math.inf
    return [variant for variant, far in reach.items() if far > _FAR * usual > 0]


def _directions(metric: Metric) -> str:
    left, right = ("worse", "better") if metric.higher_is_better else ("better", "worse")
    return f"← {left}     {right} →"


def _written(interval: Interval | None, scale: float) -> str:
    if interval is None:
        return "-"
    mean = _signed(scale * interval.mean)
    if interval.low is None or interval.high is None:
        return f"{mean} [-]"
    return f"{mean} [{_signed(scale * interval.low)}, {_signed(scale * interval.high)}]"


def _signed(value: float) -> str:
    # Adding 0 after rounding turns -0.00 into 0.00.
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else ">0.999" if p > 0.999 else f"{p:.3f}"

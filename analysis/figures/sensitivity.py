"""Sensitivity: a metric against one setting, mean over cases with its band, seeds as points."""

from typing import TYPE_CHECKING

from analysis.comparison.settings import setting_label
from analysis.figures.canvas.legend import legend_below
from analysis.figures.canvas.scale import ASIDE_PT, move_aside, scale_axis
from analysis.figures.canvas.style import (
    BLACK,
    BLUE,
    GREY,
    ONE_COLUMN_MM,
    VERMILLION,
    LineStyle,
    axis_label,
    line_style,
    new_figure,
    style,
    wrapped,
)
from analysis.figures.curves import Curve, Sensitivity
from analysis.figures.interval import LEVEL, ends

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.comparison.aggregate import Floats


def sensitivity_figure(data: Sensitivity, width_mm: float = ONE_COLUMN_MM) -> "Figure":
    """Draw a metric over a setting: a single curve with its band, several with bars, slightly aside of each other.

    How the values stand along the axis, `axis_of` decides. Every value drawn is labelled unless labels would touch.
    """
    with style():
        figure = new_figure(width_mm, 0.64 * width_mm)
        axes = figure.add_subplot()
        scale = data.metric.scale
        single = len(data.curves) == 1
        band = _band_word(data) if data.banded else None
        drawn = [
            _draw_one(axes, curve, scale, band) if single else _draw_curve(axes, curve, scale, line_style(place))
            for place, curve in enumerate(data.curves)
        ]
        values = sorted({point.setting for curve in data.curves for point in curve.points})
        if data.level is not None:
            axes.axhline(scale * data.level, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=0)
        base = next((p for c in data.curves for p in c.points if p.variant == data.reference), None)
        if base is not None and base.interval.estimate is not None:
            drawn[next(place for place, curve in enumerate(data.curves) if base in curve.points)] += axes.plot(
                [base.setting],
                [scale * base.interval.estimate],
                "o",
                markersize=7.5,
                markerfacecolor="none",
                markeredgecolor=BLACK,
                markeredgewidth=0.9,
                zorder=6,
                label="reference",
            )
        scale_axis(axes, values, width_mm - 20, None if base is None else base.setting)
        for place, artists in enumerate(drawn):
            move_aside(axes, artists, ASIDE_PT * (place - (len(drawn) - 1) / 2))
        axes.set_xlabel(wrapped(setting_label(data.setting, data.labels), width_mm - 25))
        axes.set_ylabel(axis_label(data.metric))
        _mark_missing(axes, data)
        legend_below(figure, axes, 2, last=("seed", "reference", "no value"))
    return figure


def sensitivity_caption(data: Sensitivity) -> str:
    """Say what the figure shows and what is missing."""
    counts = sorted({p.interval.n for c in data.curves for p in c.points if p.interval.n})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    seeds = any(len(point.seeds) > 1 for curve in data.curves for point in curve.points)
    label = setting_label(data.setting, data.labels)
    called = label if label == data.setting else f"{label} (`{data.setting}`)"
    text = f"{data.subject} against {called}. Line: mean over n = {n} cases ({data.luck} averaged per case). "
    shape = "Band" if len(data.curves) == 1 else "Bars"
    if not data.banded:
        text += f"No {shape.lower()}: there are too few cases for an interval."
    elif data.level is not None:
        text += (
            f"{shape}: {100 * LEVEL:g} % interval of the paired difference to {data.reference} over {data.over}, "
            "around the mean; the reference itself has none. "
        )
        text += (
            "It leaves out the dashed line, the level of the reference, where the two-sided p is below 0.05 before it "
            "is adjusted for the number of values."
            if data.tested
            else "Dashed: the level of the reference."
        )
    else:
        text += (
            f"{shape}: {100 * LEVEL:g} % within-case interval, in which what makes a case hard for all values alike is "
            "taken out (Cousineau and Morey)."
        )
    alone = "each seed with each label split alone" if data.luck != "seeds" else "each seed alone"
    text += f" Small points: {alone}." if seeds else " One seed."
    return " ".join([text, *data.remarks])


def _band_word(data: Sensitivity) -> str:
    of = "within cases" if data.level is None else "of the difference to the reference"
    return f"{100 * LEVEL:g} % CI {of}"


def _draw_one(axes: "Axes", curve: Curve, scale: float, band: str | None) -> "list[Artist]":
    x, mean, low, high = _shown(curve, scale)
    axes.fill_between(x, low, high, color=BLUE, alpha=0.18, linewidth=0, zorder=1, label=band)
    axes.plot(x, mean, color=BLUE, marker="o", zorder=4, label="mean over cases")
    return _draw_seeds(axes, curve, scale, "o", GREY, "seed")


def _draw_curve(axes: "Axes", curve: Curve, scale: float, look: LineStyle) -> "list[Artist]":
    """Draw one of several curves and return what is to be moved aside."""
    x, mean, low, high = _shown(curve, scale)
    line = axes.plot(x, mean, color=look.colour, linestyle=look.dashes, marker=look.marker, zorder=4, label=curve.name)
    bars = axes.plot([x, x], [low, high], color=look.colour, linewidth=0.6, zorder=2)
    return [*line, *bars, *_draw_seeds(axes, curve, scale, look.marker, look.colour)]


def _shown(curve: Curve, scale: float) -> "tuple[Floats, Floats, Floats, Floats]":
    """Return settings, means and both limits, in the unit shown."""
    import numpy as np

    mean = scale * np.array([point.interval.estimate for point in curve.points], dtype=float)
    low, high = scale * np.array([ends(point.interval) for point in curve.points]).T
    return np.array([point.setting for point in curve.points]), mean, low, high


def _draw_seeds(
    axes: "Axes", curve: Curve, scale: float, marker: str, colour: str, label: str | None = None
) -> "list[Artist]":
    if not any(len(point.seeds) > 1 for point in curve.points):
        return []
    return [
        *axes.plot(
            [point.setting for point in curve.points for _ in point.seeds],
            [scale * seed for point in curve.points for seed in point.seeds],
            linestyle="none",
            marker=marker,
            markersize=2.2,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=0.5,
            alpha=0.8,
            zorder=3,
            label=label,
        )
    ]


def _mark_missing(axes: "Axes", data: Sensitivity) -> None:
    gone = sorted({p.setting for c in data.curves for p in c.points if not p.interval.n})
    if gone:
        axes.plot(
            gone, [0.03] * len(gone), linestyle="none", marker="x", markersize=4, color=VERMILLION,
            transform=axes.get_xaxis_transform(), label="no value",
        )  # fmt: skip

"""Paired dot plot: each case under the reference and under a variant, joined by a line."""

import itertools
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final

from analysis.comparison.metric import Metric, points
from analysis.figures.canvas.style import (
    BLACK,
    BLUE,
    COLOUR_NAMES,
    GREY,
    ONE_COLUMN_MM,
    PAGE_MM,
    SMALL_PT,
    TWO_COLUMNS_MM,
    VERMILLION,
    axis_label,
    line_height_mm,
    new_figure,
    panel_grid,
    shortened,
    style,
    wrapped,
)
from analysis.figures.comparison import Comparison, PairedCases

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_MM: Final = 44.0
"""Least width of a panel: four stand in a page, two in a column."""
_FEW_PANELS: Final = 3
_LEAST_ROW_MM: Final = 22.0
_LABEL_MM: Final = 19.0
"""Room for the names of the worst and the best case beside a panel."""


def paired_figure(data: Comparison, width_mm: float | None = None) -> "Figure":
    """Draw a panel for each variant: reference on the left, variant on the right, a line a case.

    A solid blue line is a case on which the variant is better, a dashed orange-red one a case on which it is worse.
    The cases with the best and the worst difference are named, the black line joins the means.

    Args:
        data: the comparison.
        width_mm: of the figure; None takes a column for one or two panels, else a page.

    Raises:
        ValueError: there is no reference or no pair.
    """
    panels = data.paired
    if not panels:
        raise ValueError("there is no case that a variant and the reference share")
    with style():
        width = width_mm or (ONE_COLUMN_MM if len(panels) < _FEW_PANELS else TWO_COLUMNS_MM)
        rows, columns = panel_grid(len(panels), max(1, int(width // _PANEL_MM)))
        panel_mm = width / columns
        titles = [wrapped(pairs.variant, panel_mm - 6) for pairs in panels]
        lines = max(title.count("\n") + 1 for title in titles)
        above = lines * line_height_mm()
        height = max(min(rows * (40 + above) + 10, PAGE_MM), rows * (_LEAST_ROW_MM + above))
        figure = new_figure(width, height)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, pairs, title in zip(grid.flat, panels, titles, strict=False):
            axes.set_title(title)
            _draw_lines(axes, pairs, data.metric)
        for axes in grid[:, 0]:
            axes.set_ylabel(axis_label(data.metric))
        grid[0, 0].set_xlim(-0.25, 1.1)
        grid[0, 0].set_xticks([0, 1], ["reference", "variant"])
        names = short_names(data.cases)
        for axes, pairs in zip(grid.flat, panels, strict=False):
            _name_extremes(axes, pairs, data.metric, names, height / rows - 16)
    return figure


def paired_caption(data: Comparison) -> str:
    """Say what the figure shows, name the extreme cases in full, and say what is missing."""
    text = (
        f"{data.subject()}, case by case ({data.luck} averaged): the reference ({data.reference}) on the left of each "
        f"panel, the variant on the right. Solid {COLOUR_NAMES[BLUE]}: the variant is better; dashed "
        f"{COLOUR_NAMES[VERMILLION]}: worse; black: means."
    )
    parts = [text]
    for pairs in data.pairs:
        if not len(pairs.cases):
            parts.append(f"{pairs.variant}: no pair, not drawn.")
            continue
        worst, best = extremes(pairs, data.metric)
        change = [points(value, data.metric) for value in pairs.difference.values]
        n = f"{len(pairs.cases)}" + (f", {pairs.left_out} without a pair left out" if pairs.left_out else "")
        parts.append(
            f"{pairs.variant}: n = {n}; best {pairs.cases[best]} ({change[best]}), "
            f"worst {pairs.cases[worst]} ({change[worst]})."
        )
    return " ".join([*parts, *data.remarks()])


def extremes(pairs: PairedCases, metric: Metric) -> tuple[int, int]:
    """Return the places of the cases with the worst and the best difference; the first of equal ones."""
    sign = 1 if metric.higher_is_better else -1
    gain = [sign * value for value in pairs.difference.values]
    return gain.index(min(gain)), gain.index(max(gain))


def short_names(cases: Sequence[str]) -> dict[str, str]:
    """Return case ids without what all of them start with, up to its last separator.

    >>> short_names(["heart_001", "heart_012"])
    {'heart_001': '001', 'heart_012': '012'}
    """
    first, last = min(cases), max(cases)
    same = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))))
    start = max(first[:same].rfind(separator) for separator in "_-./ ") + 1 if first != last else 0
    return {case: case[start:] or case for case in cases}


def _draw_lines(axes: "Axes", pairs: PairedCases, metric: Metric) -> None:
    scale = metric.scale
    named = extremes(pairs, metric)
    before_after = list(zip(pairs.difference.reference, pairs.difference.variant, strict=True))
    for place, (before, after) in enumerate(before_after):
        worse = after < before if metric.higher_is_better else after > before
        axes.plot(
            [0, 1],
            [scale * before, scale * after],
            color=VERMILLION if worse else BLUE if after != before else GREY,
            linestyle=(0, (3, 1.5)) if worse else "-",
            linewidth=1.2 if place in named else 0.6,
            alpha=1.0 if place in named else 0.7,
            marker="o",
            markersize=2.0,
            markeredgewidth=0,
            zorder=3 if place in named else 2,
        )
    means = [scale * fmean(side) for side in zip(*before_after, strict=True)]
    axes.plot([0, 1], means, color=BLACK, linewidth=1.6, marker="D", markersize=3.5, zorder=4)


def _name_extremes(
    axes: "Axes", pairs: PairedCases, metric: Metric, names: Mapping[str, str], height_mm: float
) -> None:
    """Write the names of both cases beside their lines' right ends, moved apart where they would touch."""
    low, high = axes.get_ylim()
    step = (high - low) / height_mm * line_height_mm(SMALL_PT)
    ends = {place: metric.scale * pairs.difference.variant[place] for place in set(extremes(pairs, metric))}
    first, *rest = sorted(ends, key=lambda place: ends[place])
    for place, at in {first: ends[first], **{n: max(ends[n], ends[first] + step) for n in rest}}.items():
        axes.annotate(
            shortened(names[pairs.cases[place]], _LABEL_MM),
            xy=(1, ends[place]),
            xytext=(1.08, at),
            fontsize=SMALL_PT,
            va="center_baseline",
            annotation_clip=False,
        )

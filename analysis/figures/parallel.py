"""Parallel coordinates of a search: one axis a setting, one line a trial, the objective on the right."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.settings import as_number
from analysis.figures.canvas.style import (
    BLACK,
    GREY,
    SMALL_PT,
    TWO_COLUMNS_MM,
    axis_label,
    line_height_mm,
    new_figure,
    number,
    shortened,
    style,
    wrapped,
)
from analysis.figures.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_FEW: Final = 7
_APART: Final = 0.06
"""Least distance of two labels on an axis, as a share of its length."""


@dataclass(frozen=True)
class Axis:
    """One vertical axis; `position` takes a value to its height, from 0 to 1.

    Attributes:
        name: the setting.
        low: value at the bottom; unused with categories.
        high: value at the top; unused with categories.
        log: whether it is logarithmic.
        few: all values, where they are few enough for a label each.
        categories: the values of a setting that is not a number, from the bottom up.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    few: tuple[float, ...] = ()
    categories: tuple[Any, ...] = ()

    def position(self, value: Any) -> float:
        """Return the height of a value; NaN where it is missing."""
        if value is None:
            return math.nan
        if self.categories:
            last = len(self.categories) - 1
            return self.categories.index(value) / last if last else 0.5
        low, high, x = (math.log(v) if self.log else v for v in (self.low, self.high, float(value)))
        return (x - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        """Return heights and labels: categories or few values each, else both ends and what lies between them."""
        if self.categories:
            return [(self.position(value), str(value)) for value in self.categories]
        if self.low == self.high:
            return [(0.5, number(self.low))]
        inner = list(self.few)
        if not inner and self.log:
            inner = [10.0**n for n in range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)]
        elif not inner:
            inner = [(self.low + self.high) / 2]
        shown = [self.low, self.high]
        for value in inner:
            if all(abs(self.position(value) - self.position(other)) > _APART for other in shown):
                shown.append(value)
        return [(self.position(value), number(value, 3)) for value in sorted(shown)]


def make_axis(name: str, values: Sequence[Any], log: bool = False) -> Axis:
    """Make the axis of a setting for the values drawn; a logarithmic one needs all of them above 0."""
    there = [value for value in values if value is not None]
    numbers = [found for value in there if (found := as_number(value)) is not None and not isinstance(value, str)]
    if len(numbers) < len(there):
        return Axis(name, categories=tuple(sorted(set(there), key=str)))
    low, high = min(numbers), max(numbers)
    distinct = tuple(sorted(set(numbers)))
    return Axis(name, low, high, log=log and low > 0, few=distinct if len(distinct) <= _FEW else ())


def parallel_figure(study: Study, width_mm: float = TWO_COLUMNS_MM) -> "Figure":
    """Draw each trial that has a value as a line, the darker the better, the best one thick and black.

    A line is dotted across a setting that its trial did not draw.

    Raises:
        ValueError: no trial has a value.
    """
    trials = study.counting
    if not trials:
        raise ValueError("no trial of the search has a value")
    with style():
        from matplotlib import colormaps

        keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
        scale = study.metric.scale
        objective = [scale * float(trial.value or 0.0) for trial in trials]
        axes_of = [
            make_axis(key, [trial.params.get(key) for trial in trials], key in study.logarithmic) for key in keys
        ]
        axes_of.append(Axis(axis_label(study.metric), min(objective), max(objective)))
        each_mm = (width_mm - 12) / len(axes_of)
        names = [wrapped(axis.name, each_mm - 2, SMALL_PT) for axis in axes_of]
        lines = max(name.count("\n") + 1 for name in names)
        figure = new_figure(width_mm, 58 + lines * line_height_mm(SMALL_PT))
        axes = figure.add_subplot()
        axes.set_axis_off()
        last = axes_of[-1]
        merit = [
            last.position(value) if study.metric.higher_is_better else 1 - last.position(value) for value in objective
        ]
        shade = colormaps["cividis"].reversed()
        order = sorted(range(len(trials)), key=lambda place: merit[place])
        for depth, place in enumerate(order):
            best = trials[place] is study.best
            heights = [axis.position(trials[place].params.get(key)) for axis, key in zip(axes_of, keys, strict=False)]
            heights.append(last.position(objective[place]))
            look: dict[str, Any] = {
                "color": BLACK if best else shade(0.1 + 0.8 * merit[place]),
                "linewidth": 1.8 if best else 0.7,
                "alpha": 1.0 if best else 0.8,
                "zorder": 2 + depth / len(order),
            }
            axes.plot(range(len(axes_of)), heights, **look)
            there = [at for at, height in enumerate(heights) if height == height]
            for left, right in itertools.pairwise(there):
                if right > left + 1:
                    axes.plot([left, right], [heights[left], heights[right]], linestyle=":", **look)
        for place, (axis, name) in enumerate(zip(axes_of, names, strict=True)):
            axes.plot([place, place], [0, 1], color=GREY, linewidth=0.6, zorder=4)
            for height, label in axis.ticks():
                axes.plot([place - 0.02, place], [height, height], color=GREY, linewidth=0.6, zorder=4)
                axes.annotate(
                    shortened(label, 0.45 * each_mm),
                    (place, height),
                    (-3, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center_baseline",
                    fontsize=SMALL_PT,
                    zorder=5,
                    bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
                )
            axes.annotate(
                name, (place, 1), (0, 6), textcoords="offset points", ha="center", va="bottom", fontsize=SMALL_PT
            )
        axes.set_xlim(-0.45, len(axes_of) - 0.6)
        axes.set_ylim(-0.04, 1.02)
    return figure


def parallel_caption(study: Study) -> str:
    """Say what the figure shows and what is missing."""
    text = (
        f"Search {study.name}: each line is a trial, each axis a setting, the last the objective; "
        "the darker the better, thick black: the best."
    )
    partial = sum(
        len(trial.params) < len({key for t in study.counting for key in t.params}) for trial in study.counting
    )
    if partial:
        text += f" {partial} trials have not drawn every setting, dotted there."
    return " ".join([text, *study.remarks()])

"""Label efficiency: a metric over the number of labelled cases, one line a method."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis.comparison.metric import Metric
from analysis.comparison.settings import Choice, as_number, choice_words, setting_label
from analysis.figures.canvas.legend import legend_below, legend_right
from analysis.figures.canvas.scale import ASIDE_PT, move_aside, scale_axis
from analysis.figures.canvas.style import GREY, TWO_COLUMNS_MM, axis_label, line_style, new_figure, style
from analysis.figures.comparison import Comparison, VariantValues
from analysis.figures.interval import LEVEL, ends, within_cases
from analysis.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTING: Final = "data.labeled"
_NARROW_MM: Final = 120.0


@dataclass(frozen=True)
class MethodLine:
    """A method's values over the number of labelled cases.

    Attributes:
        name: the method.
        points: within-case interval around the mean by number of labelled cases, in rising order.
        all_labels: interval of the same method on all labels, drawn as a level; None where there is none.
    """

    name: str
    points: dict[int, Interval]
    all_labels: Interval | None = None


@dataclass(frozen=True)
class LabelEfficiency:
    """What `label_efficiency_figure` draws.

    Attributes:
        metric: what the intervals are of.
        lines: one a method.
        subject: the metric and the cases in words.
        remarks: what is missing, in sentences.
        luck: what is averaged per case: seeds, or seeds and label splits.
    """

    metric: Metric
    lines: tuple[MethodLine, ...]
    subject: str
    remarks: tuple[str, ...] = ()
    luck: str = "seeds"


def label_efficiency(comparisons: Sequence[Comparison], own_labeled: int | None = None) -> LabelEfficiency | None:
    """Collect the variants of sweeps by the number of labelled cases.

    Variants that agree in all other settings are one line, whether one sweep varies the labelled cases or several
    sweeps have different ones.

    Args:
        comparisons: sweeps of one metric on one data set's cases.
        own_labeled: number of labelled cases of the data set's own split, which a trial that sets none has.

    Returns:
        None where no line has two numbers of labelled cases.

    Raises:
        ValueError: the comparisons differ in metric, class, data set or cases.
    """
    same = {(c.metric.name, c.class_name, c.dataset, c.split) for c in comparisons}
    if len(same) != 1 or len({c.cases for c in comparisons if c.cases}) > 1:
        raise ValueError("expected comparisons of one metric and class on the same cases of one data set")
    remarks = [remark for comparison in comparisons for remark in comparison.remarks()]
    groups: dict[Choice, list[VariantValues]] = {}
    labels = {key: label for comparison in comparisons for key, label in comparison.labels.items()}
    shown_ones = [variant for comparison in comparisons for variant in comparison.variants if variant.settings]
    for variant in shown_ones:
        rest = tuple(sorted((key, value) for key, value in variant.settings.items() if key != SETTING))
        groups.setdefault(rest, []).append(variant)
    bands = _bands(shown_ones)
    lines = []
    for rest, group in groups.items():
        names = {variant.name for variant in group}
        name = names.pop() if len(names) == 1 else choice_words(rest, list(groups), labels) or group[0].name
        points: dict[int, Interval] = {}
        level = None
        for variant in group:
            given = variant.settings.get(SETTING)
            count = own_labeled if given is None else as_number(given)
            interval = bands[id(variant)]
            if given == "all":
                level = interval
            elif count is None:
                remarks.append(f"{variant.name}: the data set's own labelled cases, number unknown, not drawn.")
            elif int(count) not in points or not points[int(count)].n:
                points[int(count)] = interval
        lines.append(MethodLine(name, dict(sorted(points.items())), level))
    if not any(sum(interval.n > 0 for interval in line.points.values()) > 1 for line in lines):
        return None
    shown = tuple(line for line in lines if line.points or line.all_labels is not None)
    averaged = max((comparison.luck for comparison in comparisons), key=len)
    return LabelEfficiency(
        comparisons[0].metric, shown, comparisons[0].subject(), tuple(dict.fromkeys(remarks)), averaged
    )


def label_efficiency_figure(data: LabelEfficiency, width_mm: float = TWO_COLUMNS_MM) -> "Figure":
    """Draw one line a method with its intervals, legend beside, or below in a column; all labels are a level."""
    with style():
        narrow = width_mm < _NARROW_MM
        figure = new_figure(width_mm, (0.64 if narrow else 0.4) * width_mm)
        axes = figure.add_subplot()
        drawn = [_draw_line(axes, line, place, data.metric.scale) for place, line in enumerate(data.lines)]
        counts = sorted({count for line in data.lines for count in line.points})
        scale_axis(axes, [float(count) for count in counts], width_mm - 20 if narrow else 0.6 * width_mm)
        for place, artists in enumerate(drawn):
            move_aside(axes, artists, ASIDE_PT * (place - (len(drawn) - 1) / 2))
        axes.set_xlabel(setting_label(SETTING))
        axes.set_ylabel(axis_label(data.metric))
        levels = [_level_name(line) for line in data.lines]
        if narrow:
            legend_below(figure, axes, 2, last=levels)
        else:
            legend_right(figure, axes, 0.32 * width_mm, last=levels)
    return figure


def label_efficiency_caption(data: LabelEfficiency) -> str:
    """Say what the figure shows and what is missing."""
    text = (
        f"{data.subject} against the number of labelled training cases: mean over cases ({data.luck} averaged per "
        f"case) with its {100 * LEVEL:g} % within-case interval, in which what makes a case hard for all alike is "
        "taken out (Cousineau and Morey). Lines stand slightly aside of each other."
    )
    if any(line.all_labels is not None for line in data.lines):
        text += " Levels: the same method on all labels."
    return " ".join([text, *data.remarks])


def _bands(variants: Sequence[VariantValues]) -> dict[int, Interval]:
    """Return the interval of each variant by its identity, whose n counts its own cases: sweeps may share names."""
    import numpy as np

    having = [variant for variant in variants if len(variant.there)]
    found = within_cases(np.stack([variant.values for variant in having])) if having else []
    bands = {id(variant): Interval(0, LEVEL, None, None, None, "there are no values") for variant in variants}
    return bands | {id(own): replace(band, n=len(own.there)) for own, band in zip(having, found, strict=True)}


def _level_name(line: MethodLine) -> str:
    return f"{line.name}, all labels"


def _draw_line(axes: "Axes", line: MethodLine, place: int, scale: float) -> "list[Artist]":
    """Draw a method and return what stands at numbers of labelled cases."""
    import numpy as np

    look = line_style(place)
    there = {count: interval for count, interval in line.points.items() if interval.n}
    artists: list[Artist] = []
    if there:
        means = scale * np.array([interval.estimate for interval in there.values()], dtype=float)
        low, high = scale * np.array([ends(interval) for interval in there.values()]).T
        bars = axes.errorbar(
            list(there),
            means,
            yerr=[means - low, high - means],
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
            elinewidth=0.6,
            label=line.name,
        )
        artists = list(bars.get_children())
    if line.all_labels is not None and line.all_labels.estimate is not None:
        axes.axhline(
            scale * line.all_labels.estimate,
            color=look.colour if there else GREY,
            linestyle=(0, (6, 2)),
            linewidth=0.8,
            marker=look.marker,
            clip_on=False,
            zorder=0,
            label=_level_name(line),
        )
    return artists

"""How a metric depends on one setting: mean over cases, how sure its differences are, seeds as points.

The band must not hold what makes some cases hard for every value alike: with cases from 60 to 95 % it would be ten
points wide where differences are known to half a point. So it is that of the paired differences to the reference
(Franz and Loftus 2012, Psychonomic Bulletin and Review 19, 395-404) and, without a reference, the within-case interval
of Cousineau and Morey, see `within_cases`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from analysis.comparison.metric import Metric
from analysis.comparison.settings import Choice, as_number, choice_words, setting_label
from analysis.figures.canvas.legend import legend_below
from analysis.figures.canvas.scale import scale_axis
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
from analysis.figures.comparison import Comparison, VariantValues
from analysis.figures.interval import LEVEL, case_interval, ends, moved, within_cases
from analysis.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_VALUES: Final = 3
"""A curve through fewer values than these says nothing of a course."""
MOST_LINES: Final = 6


@dataclass(frozen=True)
class Point:
    """One value of the setting.

    Attributes:
        setting: the value.
        variant: the variant that has it.
        interval: around the mean over cases, as the figure's band has it; n counts the cases of the mean; stored unit.
        seeds: mean over cases of each replicate alone.
    """

    setting: float
    variant: str
    interval: Interval
    seeds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Curve:
    """Points in rising order of the setting; `name` says what else is set, empty where nothing is."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Sensitivity:
    """What `sensitivity_figure` draws.

    Attributes:
        setting: dotted key.
        metric: what the points' intervals are of.
        curves: one for each choice of the other settings.
        reference: name of the reference's variant, if any.
        level: mean of the reference over cases, stored unit; None where the bands are not of differences to it.
        subject: the metric and the cases in words.
        remarks: what is missing, in sentences.
        luck: what is averaged per case: seeds, or seeds and label splits.
        over: what the bands count as chance: cases, or seeds and cases.
        tested: whether any difference has a p.
        labels: what the sweep calls settings, by dotted key.
    """

    setting: str
    metric: Metric
    curves: tuple[Curve, ...]
    reference: str | None
    level: float | None
    subject: str
    remarks: tuple[str, ...] = ()
    luck: str = "seeds"
    over: str = "cases"
    tested: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def banded(self) -> bool:
        """Whether any point has an interval."""
        return any(point.interval.low is not None for curve in self.curves for point in curve.points)


def sensitivities(comparison: Comparison) -> list[Sensitivity]:
    """Return one entry a numeric setting that takes `FEWEST_VALUES` or more values with all others alike.

    Where several settings vary, the curves of a setting are the choices of the others; choices with too few values of
    it, and settings with more than `MOST_LINES` such choices, are left out.
    """
    found = []
    for key in comparison.varying:
        groups: dict[Choice, list[VariantValues]] = {}
        for variant in comparison.variants:
            if as_number(variant.settings.get(key)) is not None:
                others = tuple((other, variant.settings[other]) for other in comparison.varying if other != key)
                groups.setdefault(others, []).append(variant)
        wide = {rest: group for rest, group in groups.items() if sum(len(v.there) > 0 for v in group) >= FEWEST_VALUES}
        if 0 < len(wide) <= MOST_LINES:
            level, bands = _bands(comparison, [variant for group in wide.values() for variant in group])
            curves = tuple(
                Curve(choice_words(rest, list(wide), comparison.labels), _points(group, key, bands))
                for rest, group in wide.items()
            )
            found.append(
                Sensitivity(
                    setting=key,
                    metric=comparison.metric,
                    curves=curves,
                    reference=comparison.reference,
                    level=level,
                    subject=comparison.subject(),
                    remarks=tuple(comparison.remarks()),
                    luck=comparison.luck,
                    over=f"{comparison.chance} and cases" if comparison.chance else "cases",
                    tested=any(pairs.difference.test.p is not None for pairs in comparison.pairs),
                    labels=comparison.labels,
                )
            )
    return found


def sensitivity_figure(data: Sensitivity, width_mm: float = ONE_COLUMN_MM) -> "Figure":
    """Draw a metric over a setting.

    How the values stand along the axis, `axis_of` decides. Every value drawn is labelled unless labels would touch.
    """
    with style():
        figure = new_figure(width_mm, 0.64 * width_mm)
        axes = figure.add_subplot()
        scale = data.metric.scale
        single = len(data.curves) == 1
        for place, curve in enumerate(data.curves):
            _draw_curve(
                axes, curve, scale, line_style(place), single, _band_word(data) if single and data.banded else None
            )
        values = sorted({point.setting for curve in data.curves for point in curve.points})
        if data.level is not None:
            axes.axhline(scale * data.level, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=0)
        base = next((p for c in data.curves for p in c.points if p.variant == data.reference), None)
        if base is not None and base.interval.estimate is not None:
            axes.plot(
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
    if not data.banded:
        text += "No band: there are too few cases for an interval."
    elif data.level is not None:
        text += (
            f"Band: {100 * LEVEL:g} % interval of the paired difference to {data.reference} over {data.over}, around "
            "the mean; the reference itself has none. "
        )
        text += (
            "It leaves out the dashed line, the level of the reference, where the two-sided p is below 0.05 before it "
            "is adjusted for the number of values."
            if data.tested
            else "Dashed: the level of the reference."
        )
    else:
        text += (
            f"Band: {100 * LEVEL:g} % within-case interval, in which what makes a case hard for all values alike is "
            "taken out (Cousineau and Morey)."
        )
    alone = "each seed with each label split alone" if data.luck != "seeds" else "each seed alone"
    text += f" Small points: {alone}." if seeds else " One seed."
    return " ".join([text, *data.remarks])


def _bands(comparison: Comparison, shown: Sequence[VariantValues]) -> tuple[float | None, dict[str, Interval]]:
    """Return the level of the reference, if the bands are of differences to it, and each variant's band."""
    own = {variant.name: case_interval(variant.values) for variant in comparison.variants}
    base = None if comparison.reference is None else own[comparison.reference].estimate
    if base is None:
        import numpy as np

        found = within_cases(np.stack([variant.values for variant in shown]))
        bands = {variant.name: interval for variant, interval in zip(shown, found, strict=True)}
    else:
        nothing = Interval(0, LEVEL, 0.0, None, None)
        differences = {pairs.variant: pairs.difference.shown_interval for pairs in comparison.pairs}
        bands = {v.name: moved(differences.get(v.name, nothing), own[v.name].estimate) for v in shown}
    return base, {name: replace(band, n=own[name].n) for name, band in bands.items()}


def _points(group: Sequence[VariantValues], key: str, bands: Mapping[str, Interval]) -> tuple[Point, ...]:
    points = [
        Point(
            setting=as_number(variant.settings[key]) or 0.0,
            variant=variant.name,
            interval=bands[variant.name],
            seeds=variant.replicate_means,
        )
        for variant in group
    ]
    return tuple(sorted(points, key=lambda point: point.setting))


def _band_word(data: Sensitivity) -> str:
    of = "within cases" if data.level is None else "of the difference to the reference"
    return f"{100 * LEVEL:g} % CI {of}"


def _draw_curve(
    axes: "Axes", curve: Curve, scale: float, look: LineStyle, single: bool, band: str | None = None
) -> None:
    import numpy as np

    x = np.array([point.setting for point in curve.points])
    mean = scale * np.array([point.interval.estimate for point in curve.points], dtype=float)
    low, high = scale * np.array([ends(point.interval) for point in curve.points]).T
    colour = BLUE if single else look.colour
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, zorder=1, label=band)
    axes.plot(
        x, mean, color=colour, linestyle="-" if single else look.dashes, marker=look.marker, zorder=4,
        label="mean over cases" if single else curve.name,
    )  # fmt: skip
    if any(len(point.seeds) > 1 for point in curve.points):
        axes.plot(
            [point.setting for point in curve.points for _ in point.seeds],
            [scale * seed for point in curve.points for seed in point.seeds],
            linestyle="none",
            marker="o" if single else look.marker,
            markersize=2.2,
            markerfacecolor="none",
            markeredgecolor=GREY if single else colour,
            markeredgewidth=0.5,
            alpha=0.8,
            zorder=3,
            label="seed" if single else None,
        )


def _mark_missing(axes: "Axes", data: Sensitivity) -> None:
    gone = sorted({p.setting for c in data.curves for p in c.points if not p.interval.n})
    if gone:
        axes.plot(
            gone, [0.03] * len(gone), linestyle="none", marker="x", markersize=4, color=VERMILLION,
            transform=axes.get_xaxis_transform(), label="no value",
        )  # fmt: skip

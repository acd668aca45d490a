"""How a metric depends on each numeric setting of a sweep, and how sure its differences are.

The interval must not hold what makes some cases hard for every value alike: with cases from 60 to 95 % it would be ten
points wide where differences are known to half a point. So it is that of the paired differences to the reference
(Franz and Loftus 2012, Psychonomic Bulletin and Review 19, 395-404) and, without a reference, the within-case interval
of Cousineau and Morey, see `within_cases`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isclose
from typing import TYPE_CHECKING, Final

from analysis.comparison.metric import Metric
from analysis.comparison.settings import Choice, as_number, choice_words
from analysis.figures.comparison import Comparison, VariantValues
from analysis.figures.interval import LEVEL, case_interval, moved, within_cases
from analysis.statistics import Interval

if TYPE_CHECKING:
    from analysis.comparison.aggregate import Floats

FEWEST_VALUES: Final = 3
"""A curve through fewer values than these says nothing of a course."""
MOST_LINES: Final = 6


@dataclass(frozen=True)
class Point:
    """One value of the setting.

    Attributes:
        setting: the value.
        variant: the variant that has it.
        interval: the mean over cases and the figure's band, see `Bands`; n counts the cases of the mean; stored unit.
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
            bands = _bands(comparison, [variant for group in wide.values() for variant in group])
            curves = tuple(
                Curve(choice_words(rest, list(wide), comparison.labels), _points(group, key, bands.by_variant))
                for rest, group in wide.items()
            )
            found.append(
                Sensitivity(
                    setting=key,
                    metric=comparison.metric,
                    curves=curves,
                    reference=comparison.reference,
                    level=bands.level,
                    subject=comparison.subject(),
                    remarks=(*comparison.remarks(), *_aside(comparison, bands.aside)),
                    luck=comparison.luck,
                    over=f"{comparison.chance} and cases" if comparison.chance else "cases",
                    tested=any(pairs.difference.test.p is not None for pairs in comparison.pairs),
                    labels=comparison.labels,
                )
            )
    return found


@dataclass(frozen=True)
class Bands:
    """What the bands of a figure or a report are.

    Attributes:
        level: mean of the reference, stored unit; None where bands are within cases, since it is not there or has no
            value.
        by_variant: the bands; their estimate is the variant's own mean, n counts the cases of that.
        aside: variants whose mean is not the middle of their band, since they were scored with other seeds or on other
            cases than the reference.
    """

    level: float | None
    by_variant: Mapping[str, Interval]
    aside: tuple[str, ...] = ()


def bands(values: "Mapping[str, Floats]", base: "Floats | None", differences: Mapping[str, Interval | None]) -> Bands:
    """Return the band of each variant of a figure; figures and the report draw these.

    That of a difference lies around the level of the reference plus the difference, so it leaves out the level where
    the difference is one. The variant's own mean is there too unless other seeds or cases are in it.

    Args:
        values: of each variant on the same cases; NaN is missing.
        base: those of the reference; None without one.
        differences: interval of each variant's difference to the reference; the reference itself has none.
    """
    own = {name: case_interval(each) for name, each in values.items()}
    level = None if base is None else case_interval(base).estimate
    aside = []
    if level is None:
        import numpy as np

        found = dict(zip(values, within_cases(np.stack(list(values.values()))), strict=True))
    else:
        found = {}
        for name, mean in ((name, each.estimate) for name, each in own.items()):
            apart = differences.get(name)
            if mean is None or apart is None or apart.estimate is None or apart.low is None:
                found[name] = Interval(0, LEVEL, mean, None, None)
                continue
            middle = level + apart.estimate
            found[name] = replace(moved(apart, middle), estimate=mean)
            if not isclose(mean, middle, rel_tol=1e-9, abs_tol=1e-12):
                aside.append(name)
    return Bands(level, {name: replace(band, n=own[name].n) for name, band in found.items()}, tuple(aside))


def _bands(comparison: Comparison, shown: Sequence[VariantValues]) -> Bands:
    values = {variant.name: variant.values for variant in comparison.variants}
    return bands(
        {variant.name: variant.values for variant in shown},
        None if comparison.reference is None else values[comparison.reference],
        {pairs.variant: pairs.difference.shown_interval for pairs in comparison.pairs},
    )


def _aside(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """Say which bands are not around the mean, and why."""
    trained = {variant.name: variant.by_replicate.keys() for variant in comparison.variants}
    base = comparison.reference
    by_reason: dict[str, list[str]] = {}
    for name in names:
        reason = "cases" if base is None or trained[name] == trained[base] else comparison.luck
        by_reason.setdefault(reason, []).append(name)
    return [
        f"{', '.join(those)}: other {reason} than {base}, so what lies around the level of the reference is the "
        f"interval of the difference on those that both have, and the mean may lie beside it."
        for reason, those in by_reason.items()
    ]


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

"""Made-up results whose every number is known, and checks of what a figure shows."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.comparison.difference import Difference, adjusted
from analysis.comparison.metric import find_metric
from analysis.figures.canvas.style import style
from analysis.figures.comparison import Comparison, PairedCases, VariantValues
from analysis.runs.replicate import Replicate
from analysis.statistics import CrossedTest, paired_t_test

AWKWARD = (
    "SimCVD",
    "$p$_{1} 100% & #~^\\frac{1}{2}",
    "Supervised_with_a_very_long_name_that_has_no_space_in_it_at_all_v2",
    "dropout=0.1, pool_size=128, pooling=average, temperature=0.5, method=simcvd",
    "without the pairwise distillation and without the contrastive loss of the student",
    *(f"Variant number {number} of many" for number in range(7)),
)
"""Twelve names of variants: LaTeX, percent, underscores, no place to break."""


@pytest.fixture
def awkward() -> tuple[str, ...]:
    return AWKWARD


@pytest.fixture
def make_comparison() -> Callable[..., Comparison]:
    """Make a comparison from values by variant, the first being the reference; NaN is missing."""

    def make(
        values: Mapping[str, Sequence[float]],
        metric: str = "dice",
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        seeds: Mapping[str, Mapping[int, Sequence[float]]] | None = None,
        reference: str | None = "first",
        over_seeds: Mapping[str, CrossedTest] | None = None,
    ) -> Comparison:
        chosen = find_metric(metric)
        arrays = {name: np.array(own, dtype=float) for name, own in values.items()}
        cases = tuple(f"heart_{n:03d}" for n in range(len(next(iter(arrays.values())))))
        base = next(iter(arrays)) if reference == "first" else reference
        given = settings or {}

        def by_replicate(name: str) -> dict[Replicate, Any]:
            return {Replicate(n): np.array(own) for n, own in (seeds or {}).get(name, {0: arrays[name]}).items()}

        variants = tuple(
            VariantValues(name, own, given.get(name, {}), by_replicate(name), 1)
            if not np.isnan(own).all()
            else VariantValues(name, own, given.get(name, {}), {}, 1, ("nan",))
            for name, own in arrays.items()
        )
        pairs: list[PairedCases] = []
        for name, own in arrays.items():
            if base is not None and name != base:
                there = ~np.isnan(own) & ~np.isnan(arrays[base])
                ours, theirs = own[there], arrays[base][there]
                difference = Difference(
                    variant=tuple(ours.tolist()),
                    reference=tuple(theirs.tolist()),
                    replicates=(Replicate(0),),
                    alternative="different",
                    test=paired_t_test(ours.tolist(), theirs.tolist(), "different"),
                    over_seeds=(over_seeds or {}).get(name),
                )
                ids = tuple(np.array(cases)[there].tolist())
                pairs.append(PairedCases(name, ids, int((~there).sum()), difference))
        family = adjusted({own.variant: own.difference for own in pairs})
        pairs = [replace(own, difference=family[own.variant]) for own in pairs]
        known = [own for own in given.values() if own]
        varying = tuple(k for k in (known[0] if known else {}) if len({str(own[k]) for own in known}) > 1)
        return Comparison("toy", "heart", "test", chosen, None, cases, variants, base, tuple(pairs), varying)

    return make


@pytest.fixture
def twelve(make_comparison: Callable[..., Comparison]) -> Comparison:
    """Twelve variants with awkward names on 20 cases; one lacks four cases, one has no value."""
    draw = np.random.default_rng(3)
    reference = 0.85 + draw.normal(0, 0.05, 20)
    values = {name: reference - 0.008 * n + draw.normal(0, 0.02, 20) for n, name in enumerate(AWKWARD)}
    values[AWKWARD[3]][:4] = np.nan
    values[AWKWARD[5]][:] = np.nan
    return make_comparison(values)


def shown_texts(figure: Figure) -> dict[Text, Any]:
    """Return every text that is drawn, with its box on the figure."""
    canvas = FigureCanvasAgg(figure)
    with style():
        figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    hidden = {
        text
        for axes in figure.axes
        if not axes.axison
        for axis in (axes.xaxis, axes.yaxis)
        for text in axis.findobj(Text)
    }
    outside = {
        label
        for axes in figure.axes
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
        if not min(limits) <= tick.get_loc() <= max(limits) or not axis.get_visible()
    }
    return {text: text.get_window_extent(renderer) for text in texts if text not in hidden | outside}


@pytest.fixture
def check_texts() -> Callable[[Figure], list[str]]:
    """Fail where two texts of a figure overlap or one leaves it; return the texts."""

    def check(figure: Figure) -> list[str]:
        texts = shown_texts(figure)
        width, height = figure.get_size_inches() * figure.dpi
        for text, box in texts.items():
            inside = box.x0 > -2 and box.y0 > -2 and box.x1 < width + 2 and box.y1 < height + 2
            assert inside, f"{text.get_text()!r} leaves the figure: {box} of {width:.0f} x {height:.0f}"
        for (first, a), (second, b) in itertools.combinations(texts.items(), 2):
            across = min(a.x1, b.x1) - max(a.x0, b.x0)
            down = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert across < 1 or down < 3, f"{first.get_text()!r} and {second.get_text()!r} overlap: {a}, {b}"
        return [text.get_text() for text in texts]

    return check


@pytest.fixture
def lines_of() -> Callable[[Axes], dict[str, tuple[list[float], list[float]]]]:
    """Return the data of the labelled lines of axes."""

    def find(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
        return {
            str(line.get_label()): (
                np.asarray(line.get_xdata(), dtype=float).tolist(),
                np.asarray(line.get_ydata(), dtype=float).tolist(),
            )
            for line in axes.get_lines()
            if not str(line.get_label()).startswith("_")
        }

    return find

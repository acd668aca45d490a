from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy import stats

from analysis.comparison.metric import find_metric
from analysis.figures.comparison import Comparison
from analysis.figures.curves import Curve, Point, Sensitivity, sensitivities
from analysis.figures.interval import case_interval, ends
from analysis.figures.sensitivity import sensitivity_caption, sensitivity_figure

Make = Callable[..., Comparison]
RATES = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]


@pytest.fixture
def dropout(make_comparison: Make) -> Comparison:
    draw = np.random.default_rng(0)
    names = ["p=0.1", *(f"p={rate}" for rate in RATES if rate != 0.1)]
    return make_comparison(
        {name: 0.8 + draw.normal(0, 0.05, 15) for name in names},
        settings={name: {"projection.dropout": float(name[2:]), "method": "simcvd"} for name in names},
        seeds={name: {0: [0.79] * 15, 1: [0.8] * 15, 2: [0.82] * 15} for name in names},
    )


def test_mean_band_and_seeds_are_those_of_the_cases(dropout: Comparison, lines_of: Callable[..., Any]) -> None:
    (data,) = sensitivities(dropout)
    figure = sensitivity_figure(data)
    (axes,) = figure.axes
    lines = lines_of(axes)
    by_rate = {v.settings["projection.dropout"]: 100 * v.values for v in dropout.variants}
    assert lines["mean over cases"][0] == RATES
    assert lines["mean over cases"][1] == pytest.approx([by_rate[rate].mean() for rate in RATES])
    assert lines["seed"][0] == pytest.approx(np.repeat(RATES, 3))
    assert lines["seed"][1] == pytest.approx([79, 80, 82] * 7)
    assert lines["reference"] == ([0.1], [pytest.approx(by_rate[0.1].mean())])
    (band,) = [found for found in axes.collections if isinstance(found, PolyCollection)]
    corners = band.get_paths()[0].vertices
    for rate, values in by_rate.items():
        at = sorted({round(float(y), 9) for x, y in corners if x == pytest.approx(rate, abs=1e-12)})
        expected = [values.mean(), values.mean()]
        if rate != 0.1:
            paired = stats.ttest_rel(values, by_rate[0.1]).confidence_interval(0.95)
            expected = [by_rate[0.1].mean() + paired.low, by_rate[0.1].mean() + paired.high]
        assert (at[0], at[-1]) == pytest.approx(tuple(expected))
    level = next(line for line in axes.get_lines() if line.get_label().startswith("_") and len(line.get_xdata()) == 2)
    assert list(level.get_ydata()) == pytest.approx([by_rate[0.1].mean()] * 2)
    assert axes.get_ylabel() == "Dice [%]"
    assert axes.get_xlabel() == "Dropout probability p of the projection head"


def test_hard_and_easy_cases_do_not_widen_the_band(make_comparison: Make) -> None:
    hard = np.linspace(0.3, 0.9, 12)
    noise = np.random.default_rng(0).normal(0, 0.004, (3, 12))
    for reference in ("1", None):
        values = {str(n + 1): hard + own for n, own in enumerate(noise)}
        settings = {name: {"loss.sdm": int(name)} for name in values}
        (data,) = sensitivities(make_comparison(values, settings=settings, reference=reference))
        for point in data.curves[0].points:
            low, high = ends(point.interval)
            assert high - low < 0.01, "where the interval of the mean alone is 0.2 wide"
    caption = sensitivity_caption(data)
    assert "95 % within-case interval" in caption


def test_one_case_has_no_band_and_that_is_said(make_comparison: Make) -> None:
    values = {name: [0.8 + 0.01 * int(name)] for name in "123"}
    (data,) = sensitivities(make_comparison(values, settings={name: {"loss.sdm": int(name)} for name in values}))
    assert "No band: there are too few cases for an interval." in sensitivity_caption(data)
    (legend,) = sensitivity_figure(data).legends
    assert "CI" not in " ".join(text.get_text() for text in legend.get_texts())


def test_zero_stands_on_a_logarithmic_axis(dropout: Comparison) -> None:
    (axes,) = sensitivity_figure(sensitivities(dropout)[0]).axes
    assert axes.get_xscale() == "symlog"
    along = axes.transData.transform([(rate, 80) for rate in RATES])[:, 0]
    steps = np.diff(along)
    assert (steps > 0).all()
    assert steps[1] == pytest.approx(steps[4])  # 0.01 to 0.02 as 0.1 to 0.2
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5"]


def test_a_value_without_scores_is_marked_and_leaves_a_gap(make_comparison: Make, lines_of: Callable[..., Any]) -> None:
    nan = float("nan")
    values = {"1": [0.5, 0.6], "2": [nan, nan], "3": [0.6, 0.7], "4": [0.7, nan]}
    comparison = make_comparison(values, settings={name: {"loss.sdm": int(name)} for name in values})
    (data,) = sensitivities(comparison)
    (axes,) = sensitivity_figure(data).axes
    lines = lines_of(axes)
    assert lines["no value"][0] == [2]
    assert np.isnan(lines["mean over cases"][1]).tolist() == [False, True, False, False]
    caption = sensitivity_caption(data)
    assert "n = 1 to 2 cases" in caption
    assert "2: 1 of 1 trials failed (nan)." in caption
    assert "4: 1 of 2 cases without Dice, left out." in caption


def test_crowded_labels_and_long_names_do_not_touch(check_texts: Callable[[Figure], list[str]]) -> None:
    values = [0.001 * 1.3**n for n in range(30)]
    curves = tuple(
        Curve(
            f"a_long_setting = {name}, another_long_setting = a value that is long",
            tuple(Point(value, f"{name} {value}", case_interval([0.1, 0.2 + value])) for value in values),
        )
        for name in "abcdef"
    )
    data = Sensitivity("a.dotted.key_with_$dollars$", find_metric("dice"), curves, f"a {values[11]}", None, "")
    texts = check_texts(sensitivity_figure(data))
    assert f"{values[11]:.4g}" in texts
    assert any("$dollars$" in text for text in texts)

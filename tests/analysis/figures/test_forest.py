from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from analysis.figures.comparison import Comparison
from analysis.figures.forest import forest_caption, forest_figure
from analysis.statistics import crossed_test

Make = Callable[..., Comparison]
NAN = float("nan")


def test_squares_and_lines_are_differences_with_scipys_interval(make_comparison: Make) -> None:
    draw = np.random.default_rng(2)
    reference = draw.normal(0.8, 0.05, 25)
    values = {
        "ref": reference,
        "worse": reference - draw.normal(0.05, 0.02, 25),
        "same": reference + draw.normal(0, 0.1, 25),
    }
    data = make_comparison(values)
    (axes,) = forest_figure(data).axes
    lines = [line for line in axes.get_lines() if line.get_marker() == "None" and len(line.get_xdata()) == 2]
    intervals = [np.asarray(line.get_xdata(), dtype=float) for line in lines if line.get_solid_capstyle() == "butt"]
    squares = [line for line in axes.get_lines() if line.get_marker() == "s"]
    for row, name in enumerate(("worse", "same")):
        test = stats.ttest_rel(100 * values[name], 100 * reference)
        expected = test.confidence_interval(0.95)
        assert intervals[row] == pytest.approx([expected.low, expected.high])
        difference = (100 * (values[name] - reference)).mean()
        assert float(np.asarray(squares[row].get_xdata())[0]) == pytest.approx(difference)
    assert len({line.get_markerfacecolor() for line in squares}) == 1


def test_numbers_stand_beside(make_comparison: Make) -> None:
    reference = [0.80, 0.70, 0.90, 0.60]
    data = make_comparison({"ref": reference, "a": [0.85, 0.80, 0.90, 0.55]})
    texts = [text.get_text() for text in forest_figure(data).axes[0].texts]
    # Differences 5, 10, 0, -5: mean 2.5, sd 6.455, t(3, 0.975) = 3.18245, half width 10.27.
    assert "+2.50 [−7.77, +12.77]" in texts  # noqa: RUF001
    assert "4" in texts
    assert f"{stats.ttest_1samp([5, 10, 0, -5], 0).pvalue:.3f}" in texts


def test_better_is_left_for_distances(make_comparison: Make) -> None:
    data = make_comparison({"ref": [5.0, 6.0], "a": [4.0, 4.5]}, metric="hd95_mm")
    (axes,) = forest_figure(data).axes
    assert axes.get_xlabel() == "HD95, difference to ref [mm]"
    sides = {text.get_text(): text.get_horizontalalignment() for text in axes.texts}
    assert (sides["← better"], sides["worse →"]) == ("right", "left")
    assert "two-sided t-test over cases; alternative: the HD95 of ref differs." in forest_caption(data)
    one_sided = forest_caption(replace(data, sides="one-sided"))
    assert "one-sided t-test over cases; alternative: the HD95 of ref is lower." in one_sided


def test_no_pair_and_one_pair_are_said(make_comparison: Make) -> None:
    nan = float("nan")
    comparison = make_comparison({"ref": [0.5, 0.6], "none": [nan, nan], "one": [0.6, nan]})
    texts = [text.get_text() for text in forest_figure(comparison).axes[0].texts]
    assert texts.count("no pair") == 1
    assert "+10.00 [-]" in texts
    assert texts.count("-") == 3, "p, p and the difference of none"
    caption = forest_caption(comparison)
    assert "one: 1 scored cases without a pair, left out." in caption
    assert "none: 1 of 1 trials failed (nan)." in caption


def test_a_far_outlier_is_an_arrow_and_named(make_comparison: Make) -> None:
    draw = np.random.default_rng(0)
    reference = draw.normal(0.8, 0.05, 20)
    values = {"ref": reference} | {n: reference + draw.normal(0, 0.02, 20) for n in "abc"}
    values["broken"] = reference - 0.6 + draw.normal(0, 0.02, 20)
    data = make_comparison(values)
    (axes,) = forest_figure(data).axes
    assert min(axes.get_xlim()) > -10
    assert [line.get_marker() for line in axes.get_lines()].count("<") == 1
    assert any("−60" in text.get_text() or "−59" in text.get_text() for text in axes.texts)  # noqa: RUF001
    assert "Arrows: outside of the axis (broken)." in forest_caption(data)


def test_p_is_that_of_scipy_after_holm(make_comparison: Make) -> None:
    draw = np.random.default_rng(5)
    reference = draw.normal(0.8, 0.05, 20)
    values = {"ref": reference} | {n: reference - draw.normal(k * 0.004, 0.02, 20) for k, n in enumerate("abc")}
    data = make_comparison(values)
    raw = {n: stats.ttest_rel(values[n], reference).pvalue for n in "abc"}
    first, second, third = sorted(raw, key=lambda name: raw[name])
    adjusted = {first: min(1, 3 * raw[first])}
    adjusted[second] = max(adjusted[first], min(1, 2 * raw[second]))
    adjusted[third] = max(adjusted[second], raw[third])
    texts = [text.get_text() for text in forest_figure(data).axes[0].texts]
    for p in adjusted.values():
        assert f"{p:.3f}" in texts
    assert "adjusted by Holm's method for 3 comparisons" in forest_caption(data)
    assert "One seed each: another training could undo a difference." in forest_caption(data)


def test_each_line_leaves_out_zero_exactly_where_the_p_beside_it_is_below_005(make_comparison: Make) -> None:
    draw = np.random.default_rng(4)
    reference = draw.normal(0.8, 0.05, 20)
    values = {"ref": reference} | {f"v{k}": reference - draw.normal(k * 0.002, 0.02, 20) for k in range(9)}
    data = make_comparison(values)
    (axes,) = forest_figure(data).axes
    by_head = {text.get_text().strip(): text.get_position()[0] for text in axes.texts}
    assert {"p alone", "p Holm"} <= set(by_head)
    column = {text.xy[1]: text.get_text() for text in axes.texts if text.get_position()[0] == by_head["p alone"]}
    clear = 0
    for row, pairs in enumerate(data.pairs):
        low, high = pairs.difference.interval.low, pairs.difference.interval.high
        assert low is not None
        assert high is not None
        shown = column[row]
        assert (shown == "<0.001" or float(shown.lstrip(">")) < 0.05) == (low > 0 or high < 0)
        clear += low > 0 or high < 0
    assert 0 < clear < 9
    assert "p alone is below 0.05 where its line leaves out 0; p Holm" in forest_caption(data)


def test_a_narrow_figure_has_the_p_of_its_lines_alone(make_comparison: Make) -> None:
    data = make_comparison({"ref": [0.80, 0.70, 0.90], "a": [0.85, 0.80, 0.90], "b": [0.8, 0.6, 0.8]})
    texts = [text.get_text().strip() for text in forest_figure(data, 89.0).axes[0].texts]
    assert {"p alone", "p Holm"} <= set(texts)
    assert "n" not in texts


def test_the_interval_over_seeds_is_a_thin_line_with_its_numbers(make_comparison: Make) -> None:
    draw = np.random.default_rng(1)
    reference = 0.8 + draw.normal(0, 0.05, (3, 20))
    ours = reference - 0.05 + draw.normal(0, 0.002, (3, 20)) + np.array([[-0.08], [0.0], [0.08]])
    crossed = crossed_test(ours, reference, "reference higher")
    assert crossed.interval.low is not None
    assert crossed.interval.high is not None
    values = {"ref": reference.mean(axis=0), "a": ours.mean(axis=0)}
    data = make_comparison(values, over_seeds={"a": crossed})
    (axes,) = forest_figure(data).axes
    (thin,) = [line for line in axes.get_lines() if line.get_marker() == "|" and len(line.get_xdata()) == 2]
    assert list(thin.get_xdata()) == pytest.approx([100 * crossed.interval.low, 100 * crossed.interval.high])
    texts = {text.get_text().replace("\N{MINUS SIGN}", "-") for text in axes.texts}
    assert {"over cases\np", "over seeds\np"} <= texts
    assert any(f"[{100 * crossed.interval.low:+.2f}, {100 * crossed.interval.high:+.2f}]" in text for text in texts)
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["95 % CI over cases", "95 % CI over seeds and cases"]
    assert "Thin line: 95 % interval over seeds and cases, whose limits stand in brackets." in forest_caption(data)


@pytest.mark.parametrize(
    ("values", "reference"), [({"a": [0.5], "b": [0.6]}, None), ({"a": [0.5]}, "a"), ({"a": [0.5], "b": [NAN]}, "a")]
)
def test_without_reference_or_pairs_there_is_none(
    make_comparison: Make, values: dict[str, list[float]], reference: str | None
) -> None:
    with pytest.raises(ValueError, match="no case that a variant and the reference share"):
        forest_figure(make_comparison(values, reference=reference))


def test_twelve_long_names_are_readable(
    twelve: Comparison, check_texts: Callable[[Figure], list[str]], awkward: tuple[str, ...]
) -> None:
    texts = ["".join(text.split()) for text in check_texts(forest_figure(twelve))]
    for name in awkward[1:]:
        assert "".join(name.split()) in texts

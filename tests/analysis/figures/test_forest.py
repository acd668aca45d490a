from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from analysis.figures.comparison import Comparison
from analysis.figures.forest import forest, forest_caption, forest_figure

Make = Callable[..., Comparison]


def test_squares_and_lines_are_differences_with_scipys_interval(make_comparison: Make) -> None:
    draw = np.random.default_rng(2)
    reference = draw.normal(0.8, 0.05, 25)
    values = {
        "ref": reference,
        "worse": reference - draw.normal(0.05, 0.02, 25),
        "same": reference + draw.normal(0, 0.1, 25),
    }
    data = forest(make_comparison(values))
    assert data is not None
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
        p = stats.ttest_rel(values[name], reference, alternative="less").pvalue
        assert data.effects[row].p == pytest.approx(p)
    assert [line.get_markerfacecolor() == "white" for line in squares] == [False, True]


def test_numbers_stand_beside(make_comparison: Make) -> None:
    reference = [0.80, 0.70, 0.90, 0.60]
    data = forest(make_comparison({"ref": reference, "a": [0.85, 0.80, 0.90, 0.55]}))
    assert data is not None
    texts = [text.get_text() for text in forest_figure(data).axes[0].texts]
    # Differences 5, 10, 0, -5: mean 2.5, sd 6.455, t(3, 0.975) = 3.18245, half width 10.27.
    assert "+2.50 [−7.77, +12.77]" in texts  # noqa: RUF001
    assert "4" in texts
    assert f"{stats.ttest_1samp([5, 10, 0, -5], 0, alternative='less').pvalue:.3f}" in texts


def test_better_is_left_for_distances(make_comparison: Make) -> None:
    data = forest(make_comparison({"ref": [5.0, 6.0], "a": [4.0, 4.5]}, metric="hd95_mm"))
    assert data is not None
    label = forest_figure(data).axes[0].get_xlabel()
    assert label == "HD95 [mm], difference to ref\n← better     worse →"
    assert "alternative: the HD95 of ref is lower." in forest_caption(data)


def test_no_pair_and_one_pair_are_said(make_comparison: Make) -> None:
    nan = float("nan")
    comparison = make_comparison({"ref": [0.5, 0.6], "none": [nan, nan], "one": [0.6, nan]})
    data = forest(comparison)
    assert data is not None
    texts = [text.get_text() for text in forest_figure(data).axes[0].texts]
    assert texts.count("no pair") == 1
    assert "+10.00 [-]" in texts
    assert texts.count("-") == 3
    caption = forest_caption(data)
    assert "one: 1 scored cases without a pair, left out." in caption
    assert "none: 1 of 1 trials failed (nan)." in caption


def test_a_far_outlier_is_an_arrow_and_named(make_comparison: Make) -> None:
    draw = np.random.default_rng(0)
    reference = draw.normal(0.8, 0.05, 20)
    values = {"ref": reference} | {n: reference + draw.normal(0, 0.02, 20) for n in "abc"}
    values["broken"] = reference - 0.6 + draw.normal(0, 0.02, 20)
    data = forest(make_comparison(values))
    assert data is not None
    (axes,) = forest_figure(data).axes
    assert min(axes.get_xlim()) > -10
    assert [line.get_marker() for line in axes.get_lines()].count("<") == 1
    assert any("−60" in text.get_text() or "−59" in text.get_text() for text in axes.texts)  # noqa: RUF001
    assert "Arrows: outside of the axis (broken)." in forest_caption(data)


def test_without_reference_or_pairs_there_is_none(make_comparison: Make) -> None:
    assert forest(make_comparison({"a": [0.5], "b": [0.6]}, reference=None)) is None
    assert forest(make_comparison({"a": [0.5]})) is None
    assert forest(make_comparison({"a": [0.5], "b": [float("nan")]})) is None


def test_twelve_long_names_are_readable(
    twelve: Comparison, check_texts: Callable[[Figure], list[str]], awkward: tuple[str, ...]
) -> None:
    data = forest(twelve)
    assert data is not None
    texts = ["".join(text.split()) for text in check_texts(forest_figure(data))]
    for name in awkward[1:]:
        assert "".join(name.split()) in texts

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures.comparison import Comparison
from analysis.figures.paired import extremes, paired_caption, paired_figure, short_names

Make = Callable[..., Comparison]


def test_every_case_has_its_line(make_comparison: Make) -> None:
    values = {"ref": [0.5, 0.6, 0.7, 0.8], "a": [0.55, 0.4, 0.7, 0.9]}
    (axes,) = paired_figure(make_comparison(values)).axes
    lines = [np.asarray(line.get_ydata(), dtype=float).tolist() for line in axes.get_lines()]
    np.testing.assert_allclose(lines[:4], [[50, 55], [60, 40], [70, 70], [80, 90]])
    assert lines[4] == pytest.approx([65, 63.75])
    assert all(list(line.get_xdata()) == [0, 1] for line in axes.get_lines())
    worse = [line.get_linestyle() != "-" for line in axes.get_lines()[:4]]
    assert worse == [False, True, False, False]
    assert {text.get_text() for text in axes.texts} == {"001", "003"}


def test_for_distances_more_is_worse(make_comparison: Make) -> None:
    comparison = make_comparison({"ref": [5.0, 5.0, 5.0], "a": [4.0, 9.0, 5.5]}, metric="hd95_mm")
    (pairs,) = comparison.pairs
    assert extremes(pairs, comparison.metric) == (1, 0)
    (axes,) = paired_figure(comparison).axes
    assert [line.get_linestyle() != "-" for line in axes.get_lines()[:3]] == [False, True, True]
    assert "best heart_000 (-1.00 mm), worst heart_001 (+4.00 mm)" in paired_caption(comparison)


def test_missing_values_are_left_out_and_said(make_comparison: Make) -> None:
    nan = float("nan")
    comparison = make_comparison({"ref": [0.5, 0.6, nan], "a": [0.6, nan, 0.7], "b": [nan] * 3})
    (axes,) = paired_figure(comparison).axes
    assert axes.get_title() == "a"
    assert len(axes.get_lines()) == 2
    caption = paired_caption(comparison)
    assert "a: n = 1, 2 without a pair left out" in caption
    assert "b: no pair, not drawn." in caption


def test_nothing_to_pair_is_refused(make_comparison: Make) -> None:
    with pytest.raises(ValueError, match="no case that a variant and the reference share"):
        paired_figure(make_comparison({"a": [0.5]}))


def test_short_names_stay_different() -> None:
    assert short_names(["heart_001", "heart_012"]) == {"heart_001": "001", "heart_012": "012"}
    assert short_names(["a_b_1", "a_c_1"]) == {"a_b_1": "b_1", "a_c_1": "c_1"}
    assert short_names(["x1", "y1"]) == {"x1": "x1", "y1": "y1"}
    assert short_names(["only_one"]) == {"only_one": "only_one"}
    assert short_names(["site_", "site_1"]) == {"site_": "site_", "site_1": "1"}


def test_twelve_long_names_are_readable(
    twelve: Comparison, check_texts: Callable[[Figure], list[str]], awkward: tuple[str, ...]
) -> None:
    texts = ["".join(text.split()) for text in check_texts(paired_figure(twelve))]
    for place, name in enumerate(awkward[1:], start=1):
        assert ("".join(name.split()) in texts) == (place != 5)


def test_names_of_extreme_cases_never_touch(make_comparison: Make, check_texts: Callable[[Figure], list[str]]) -> None:
    comparison = make_comparison({"ref": [0.5, 0.7, 0.6], "a": [0.601, 0.6, 0.6]})
    assert {"000", "001"} <= set(check_texts(paired_figure(comparison)))

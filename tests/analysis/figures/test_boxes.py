from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures.boxes import box_caption, box_figure
from analysis.figures.canvas.style import ONE_COLUMN_MM, TWO_COLUMNS_MM
from analysis.figures.comparison import Comparison

Make = Callable[..., Comparison]


def dots(figure: Figure) -> list[list[float]]:
    """Return the values of each row's dots, from above."""
    found = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o" and line.get_alpha() == 0.6]
    return [np.asarray(line.get_xdata(), dtype=float).tolist() for line in found]


def test_dots_boxes_and_means_are_those_of_the_cases(make_comparison: Make) -> None:
    draw = np.random.default_rng(1)
    comparison = make_comparison({name: draw.normal(0.7, 0.1, 21) for name in ("ref", "a")})
    figure = box_figure(comparison)
    (axes,) = figure.axes
    drawn = dots(figure)
    means = [line for line in axes.get_lines() if line.get_marker() == "D"]
    medians = [line for line in axes.get_lines() if line.get_linewidth() == 1.2]
    for row, variant in enumerate(comparison.variants):
        values = 100 * variant.values
        assert drawn[row] == pytest.approx(values.tolist())
        assert float(np.asarray(means[row].get_xdata())[0]) == pytest.approx(values.mean())
        assert np.asarray(medians[row].get_xdata(), dtype=float) == pytest.approx(np.median(values))
        box = axes.patches[row].get_path().vertices
        assert (box[:, 0].min(), box[:, 0].max()) == pytest.approx(np.percentile(values, (25, 75)))
        assert box[:, 1].mean() == pytest.approx(row, abs=0.2)


def test_dots_stay_in_their_row_and_apart(make_comparison: Make) -> None:
    comparison = make_comparison({"a": [0.5] * 30})
    line = next(line for line in box_figure(comparison).axes[0].get_lines() if line.get_alpha() == 0.6)
    heights = np.asarray(line.get_ydata(), dtype=float)
    assert np.abs(heights).max() < 0.3
    assert np.diff(np.sort(heights)).min() > 0.005


def test_missing_values_are_neither_drawn_nor_counted(make_comparison: Make) -> None:
    nan = float("nan")
    comparison = make_comparison({"ref": [1.0, 2.0, 3.0], "a": [nan, 4.0, nan], "b": [nan] * 3}, metric="hd95_mm")
    figure = box_figure(comparison)
    assert dots(figure) == [[1, 2, 3], [4]]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("no value") == 1
    assert texts[-4:] == ["n", "3", "1", "0"]
    caption = box_caption(comparison)
    assert "a: 2 of 3 cases without HD95, left out." in caption
    assert "b: 1 of 1 trials failed (nan)." in caption


def test_one_variant_without_reference(make_comparison: Make, check_texts: Callable[[Figure], list[str]]) -> None:
    comparison = make_comparison({"only": [0.5, 0.6, 0.7]}, reference=None)
    assert "only" in check_texts(box_figure(comparison, ONE_COLUMN_MM))
    assert "reference" not in box_caption(comparison)


@pytest.mark.parametrize("width", [ONE_COLUMN_MM, TWO_COLUMNS_MM])
def test_twelve_long_names_are_readable(
    twelve: Comparison, width: float, check_texts: Callable[[Figure], list[str]], awkward: tuple[str, ...]
) -> None:
    texts = ["".join(text.split()) for text in check_texts(box_figure(twelve, width))]
    for name in awkward:
        assert "".join(name.split()) in texts

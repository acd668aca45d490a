from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from analysis.figures.canvas.rows import columns, row_chart
from analysis.figures.canvas.style import ONE_COLUMN_MM, style


def test_rows_lie_at_whole_numbers_from_above_and_are_as_high_as_asked() -> None:
    with style():
        figure, axes = row_chart(["ref", "a", "b"], ONE_COLUMN_MM, row_mm=7.0, margins_mm=15.0, bold="ref")
    assert figure.get_size_inches() * 25.4 == pytest.approx((ONE_COLUMN_MM, 15 + 3 * 7))
    assert axes.get_ylim() == (2.5, -0.5)
    assert [(label.get_text(), label.get_fontweight()) for label in axes.get_yticklabels()] == [
        *(("ref", "bold"), ("a", "normal"), ("b", "normal"))
    ]


def test_a_long_name_breaks_into_lines_and_raises_every_row(awkward: tuple[str, ...]) -> None:
    with style():
        figure, axes = row_chart(["a", awkward[4]], ONE_COLUMN_MM, row_mm=4.0, margins_mm=0.0)
    label = axes.get_yticklabels()[1].get_text()
    assert "".join(label.split()) == "".join(awkward[4].split())
    assert label.count("\n") >= 2
    assert figure.get_figheight() * 25.4 > 2 * 4.0 + 1


def test_columns_stand_right_of_the_rows_below_their_heads(check_texts: Callable[[Figure], list[str]]) -> None:
    with style():
        figure, axes = row_chart(["a", "b"], ONE_COLUMN_MM, row_mm=5.0, margins_mm=15.0)
        columns(axes, {"n": ["20", "7"], "p": ["<0.001", "0.5"]})
    placed = {text.get_text(): text for text in axes.texts}
    assert {"n", "20", "7", "p", "<0.001", "0.5"} <= set(check_texts(figure))
    assert [placed[text].xy[1] for text in ("n", "20", "7")] == [1, 0, 1]
    ends = {text: placed[text].get_position()[0] for text in placed}
    assert ends["n"] == ends["20"] == ends["7"] > 0
    assert ends["p"] == ends["<0.001"] == ends["0.5"] > ends["n"]

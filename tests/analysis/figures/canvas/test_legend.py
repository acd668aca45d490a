from collections.abc import Callable, Sequence

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.canvas.legend import legend_below, legend_right
from analysis.figures.canvas.style import ONE_COLUMN_MM, new_figure, style

Check = Callable[[Figure], list[str]]


def drawn(names: Sequence[str], height_mm: float = 40.0) -> tuple[Figure, Axes]:
    with style():
        figure = new_figure(ONE_COLUMN_MM, height_mm)
        axes = figure.add_subplot()
        for place, name in enumerate(names):
            axes.plot([0, 1], [place, place], label=name)
    return figure, axes


def names_of(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return ["".join(text.get_text().split()) for text in legend.get_texts()]


def test_a_legend_below_names_all_and_makes_the_figure_higher(awkward: tuple[str, ...], check_texts: Check) -> None:
    few, many = drawn(awkward[:2]), drawn(awkward[:6])
    for figure, axes in (few, many):
        with style():
            legend_below(figure, axes, 2)
        check_texts(figure)
    assert names_of(many[0]) == ["".join(name.split()) for name in awkward[:6]]
    assert 40 < 25.4 * few[0].get_figheight() < 25.4 * many[0].get_figheight()


@pytest.mark.parametrize("where", ["below", "right"])
def test_what_should_stand_last_stands_last(where: str) -> None:
    figure, axes = drawn(["mean", "a", "no value", "b"])
    with style():
        if where == "below":
            legend_below(figure, axes, 3, last=["mean", "no value"])
        else:
            legend_right(figure, axes, 30.0, last=["mean", "no value"])
    assert names_of(figure) == ["a", "b", "mean", "novalue"]


def test_a_legend_beside_makes_only_a_figure_higher_that_is_too_low(
    awkward: tuple[str, ...], check_texts: Check
) -> None:
    low, high = drawn(awkward[:6], 30.0), drawn(awkward[:6], 120.0)
    for figure, axes in (low, high):
        with style():
            legend_right(figure, axes, 35.0)
        check_texts(figure)
    assert 25.4 * low[0].get_figheight() > 31
    assert 25.4 * high[0].get_figheight() == pytest.approx(120)

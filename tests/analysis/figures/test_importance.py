from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from analysis.figures.importance import importance_figure


def test_bars_are_the_importances_the_largest_on_top(check_texts: Callable[[Figure], list[str]]) -> None:
    figure = importance_figure({"a_$b$": 0.2, "training.learning_rate_of_the_student_network": 0.7, "c%": 0.1})
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.7, 0.2, 0.1]  # type: ignore[attr-defined]
    assert [label.get_text() for label in axes.get_yticklabels()][1:] == ["a_$b$", "c%"]
    assert {"0.70", "0.20", "0.10", "a_$b$"} <= set(check_texts(figure))


def test_all_zero_and_one_alone_are_drawn() -> None:
    assert importance_figure({"a": 0.0}).axes[0].get_xlim() == (0, 1)


@pytest.mark.parametrize("given", [{}, {"a": -0.1}, {"a": float("nan")}])
def test_what_is_no_importance_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        importance_figure(given)

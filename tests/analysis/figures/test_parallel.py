from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.comparison.metric import find_metric
from analysis.figures.parallel import make_axis, parallel_caption, parallel_figure
from analysis.figures.study import Study
from analysis.runs.tried_setting import TriedSetting


def study(*given: dict[str, Any], metric: str = "dice") -> Study:
    trials = tuple(TriedSetting(n, own, state="complete", value=0.5 + 0.1 * n) for n, own in enumerate(given))
    return Study(
        "s",
        find_metric(metric),
        (*trials, TriedSetting(99, {"lr": 5.0}, state="failed", value=None)),
        frozenset({"lr"}),
    )


def test_each_line_meets_its_values() -> None:
    given = study({"lr": 0.001, "pool": "max"}, {"lr": 0.1, "pool": "average"}, {"lr": 0.01, "pool": "max"})
    (axes,) = parallel_figure(given).axes
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines() if len(line.get_xdata()) == 3]
    # Heights: lr logarithmic from 0.001 to 0.1, pool average then max, Dice from 50 to 70.
    assert lines == [pytest.approx([0, 1, 0]), pytest.approx([1, 0, 0.5]), pytest.approx([0.5, 1, 1])]


def test_axes_suit_their_values() -> None:
    log = make_axis("lr", [1e-4, 1e-2, 0.1], log=True)
    assert log.log
    assert log.position(1e-2) == pytest.approx(2 / 3)
    assert not make_axis("lr", [1e-4, 1e-2, 0.1]).log
    linear = make_axis("p", [0.0, 0.25, 0.5], log=True)
    assert (linear.log, linear.position(0.25)) == (False, 0.5)
    assert [label for _, label in linear.ticks()] == ["0", "0.25", "0.5"]
    words = make_axis("pool", ["max", "average", "max", None])
    assert words.categories == ("average", "max")
    assert np.isnan(words.position(None))
    assert make_axis("on", [True, False]).categories == (False, True)
    assert make_axis("same", [3, 3]).position(3) == 0.5
    assert [label for _, label in make_axis("same", [3, 3]).ticks()] == ["3"]
    many = make_axis("lr", [10 ** (-4 + 0.1 * n) for n in range(31)], log=True)
    assert [label for _, label in many.ticks()] == ["0.0001", "0.001", "0.01", "0.1"]


def test_the_best_is_black_and_on_top() -> None:
    given = study({"a": 1.0}, {"a": 2.0}, {"a": 3.0}, metric="hd95_mm")
    (axes,) = parallel_figure(given).axes
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) == 2 and line.get_xdata()[1] == 1]
    trials = [line for line in lines if line.get_linewidth() != 0.6 and list(line.get_xdata()) == [0, 1]]
    top = max(trials, key=lambda line: line.get_zorder())
    assert top.get_color() == "#000000"
    assert np.asarray(top.get_ydata(), dtype=float) == pytest.approx([0, 0])


def test_a_setting_not_drawn_is_dotted_and_said() -> None:
    given = study({"a": 1.0, "b": 1.0}, {"a": 2.0}, {"a": 3.0, "b": 2.0})
    (axes,) = parallel_figure(given).axes
    dotted = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in dotted] == [[0, 2]]
    caption = parallel_caption(given)
    assert "1 trials have not drawn every setting" in caption
    assert "1 of 4 trials failed." in caption


def test_many_settings_with_long_names_do_not_touch(check_texts: Callable[[Figure], list[str]]) -> None:
    names = [f"a_section.a_long_setting_of_number_{n}_$x$" for n in range(8)]
    choices = ["a very long category", "another very long category", "c"]
    draw = np.random.default_rng(0)
    trials = [
        {name: (choices[n % 3] if k % 2 else float(draw.uniform(1e-5, 1))) for k, name in enumerate(names)}
        for n in range(12)
    ]
    texts = check_texts(parallel_figure(study(*trials)))
    assert sum("$x$" in "".join(text.split()) for text in texts) == 8


def test_a_search_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="no trial"):
        parallel_figure(Study("s", find_metric("dice"), (TriedSetting(0, {}, state="failed", value=None),)))

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure

from analysis.comparison.metric import find_metric
from analysis.figures.history import history_caption, history_figure
from analysis.figures.study import Study
from analysis.runs.tried_setting import State, TriedSetting


def study(*given: tuple[float | None, State], metric: str = "dice") -> Study:
    trials = tuple(TriedSetting(number, {}, state=state, value=value) for number, (value, state) in enumerate(given))
    return Study("s", find_metric(metric), trials[::-1])


def test_trials_and_the_best_so_far(lines_of: Callable[..., Any], check_texts: Callable[[Figure], list[str]]) -> None:
    given = study((0.5, "complete"), (0.4, "complete"), (0.9, "pruned"), (None, "failed"), (0.7, "complete"))
    figure = history_figure(given)
    lines = lines_of(figure.axes[0])
    assert lines["trial"] == ([0, 1, 4], [50, 40, 70])
    assert lines["best so far"] == ([0, 1, 4], [50, 50, 70])
    assert lines["pruned"][0] == [2]
    assert lines["failed"][0] == [3]
    assert "Dice [%]" in check_texts(figure)
    assert history_caption(given) == (
        "Search s: Dice [%] of each trial and the best so far. Best: trial 4 with 70.00. "
        "1 of 5 trials pruned. 1 of 5 trials failed."
    )


def test_lower_is_better_for_distances(lines_of: Callable[..., Any]) -> None:
    given = study((5.0, "complete"), (6.0, "complete"), (4.0, "complete"), metric="hd95_mm")
    assert lines_of(history_figure(given).axes[0])["best so far"][1] == [5, 5, 4]
    assert given.best is not None
    assert given.best.number == 2


def test_values_that_are_not_finite_do_not_count() -> None:
    given = study((float("nan"), "complete"), (float("inf"), "complete"), (0.3, "complete"), (None, "running"))
    assert [trial.number for trial in given.counting] == [2]
    assert "2 of 4 trials complete without a finite value." in given.remarks()
    assert "1 of 4 trials running." in given.remarks()


def test_a_search_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="no trial"):
        history_figure(study((None, "failed")))

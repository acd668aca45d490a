from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures.training.of_variant import mean_course, panels, training_caption, training_figure
from analysis.runs.training_log import Course, TrainingLog


def course(*values: float, first: int = 1) -> Course:
    steps = (
        [first, *(20 * n for n in range(1, len(values)))]
        if first == 1
        else [first + 20 * n for n in range(len(values))]
    )
    return Course(np.array(steps), np.array(values))


def a_log(name: str = "seed 0", shift: float = 0.0, steps: int = 40) -> TrainingLog:
    return TrainingLog(
        name=name,
        losses={"cross_entropy": course(1.0 + shift, 0.5, 0.3), "sdm": course(0.4, 0.3, 0.2)},
        validation={"student_dice": course(0.5, 0.6 + shift, first=20), "teacher_dice": course(0.4, 0.7, first=20)},
        diagnostics={
            "sdm_error": course(0.4, 0.3, 0.2),
            "sdm_error_constant": course(0.1, 0.11, 0.12),
            "agreement": course(0.5, 0.6, 0.7),
        },
        steps=steps,
    )


def by_title(figure: Figure) -> dict[str, Any]:
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title()}


def test_each_course_is_drawn_as_logged(lines_of: Callable[..., Any]) -> None:
    shown = by_title(training_figure([a_log()]))
    assert list(shown) == ["Validation", "Cross entropy loss", "SDM error", "Agreement"]
    (line,) = shown["Cross entropy loss"].get_lines()
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([1, 20, 40], [1.0, 0.5, 0.3])
    validation = lines_of(shown["Validation"])
    assert validation["student"] == ([20, 40], [50, 60])
    assert validation["teacher"] == ([20, 40], [40, 70])
    assert shown["Validation"].get_ylabel() == "Dice [%]"
    low, high = shown["Validation"].get_ylim()
    assert 35 < low < 40 < 70 < high < 75, "fitted to the values"
    error = lines_of(shown["SDM error"])
    assert error["student"][1] == [0.4, 0.3, 0.2]
    assert error["best constant"][1] == [0.1, 0.11, 0.12]
    dashes = [line.get_linestyle() for line in shown["SDM error"].get_lines()]
    assert dashes[0] != dashes[1]


def test_a_loss_that_differs_from_its_error_has_a_panel() -> None:
    log = a_log()
    other = TrainingLog(log.name, log.losses | {"sdm": course(9, 9, 9)}, {}, log.diagnostics, 40)
    assert "SDM loss" in [panel.title for panel in panels([other])]


def test_trials_are_thin_and_their_mean_is_thick() -> None:
    logs = [a_log("seed 0"), a_log("seed 1", shift=0.2)]
    axes = by_title(training_figure(logs))["Cross entropy loss"]
    thick = [line for line in axes.get_lines() if line.get_linewidth() > 1]
    assert [line.get_ydata().tolist() for line in thick] == [pytest.approx([1.1, 0.5, 0.3])]
    assert len(axes.get_lines()) == 3


def test_the_mean_ends_where_a_trial_ends() -> None:
    mean = mean_course([course(1.0, 2.0, 3.0), course(3.0, 4.0)])
    assert (mean.steps.tolist(), mean.values.tolist()) == ([1, 20], [2.0, 3.0])


def test_what_is_missing_is_said() -> None:
    log = a_log(steps=100)
    log.losses["sdm"].values[1] = np.nan
    caption = training_caption([log], "a_b")
    assert "Training of a_b (seed 0)" in caption
    assert "seed 0: sdm not finite in 1 of 3 reports." in caption
    assert "seed 0: ends at step 40 of 100." in caption


def test_one_score_after_training_is_a_dot() -> None:
    log = TrainingLog("seed 0", {}, {"student_dice": course(0.8, first=40)}, {}, 40)
    (line,) = by_title(training_figure([log]))["Validation"].get_lines()
    assert line.get_marker() == "o"


def test_nothing_logged_is_refused() -> None:
    with pytest.raises(ValueError, match="logged nothing"):
        training_figure([TrainingLog("seed 0", {}, {}, {}, 40)])


@pytest.mark.parametrize("terms", [1, 12])
def test_panels_do_not_touch(terms: int, check_texts: Callable[[Figure], list[str]]) -> None:
    log = a_log()
    losses = {f"a_long_name_of_a_loss_term_of_number_{n}": course(1.0, 0.5) for n in range(terms)}
    texts = check_texts(training_figure([TrainingLog("seed 0", losses, log.validation, log.diagnostics, 40)]))
    assert sum("term" in text for text in texts) == terms
    assert texts.count("Training step") == 1

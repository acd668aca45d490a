from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures.training.of_sweep import MOST_NAMED, training_overview_caption, training_overview_figure
from analysis.runs.training_log import Course, TrainingLog

STEPS = np.arange(10, 101, 10)


def a_log(name: str = "seed 0", best: float = 0.8, steps: int = 100, score: str = "student_dice") -> TrainingLog:
    done = STEPS[: steps // 10]
    rise = Course(done, best * (1 - np.exp(-done / 20)))
    return TrainingLog(name, {"dice": Course(done, 1 / done)}, {score: rise}, {}, 100)


def test_the_score_stands_above_and_its_axis_is_fitted_to_the_second_half(lines_of: Callable[..., Any]) -> None:
    logs = {"ref": [a_log()], "a": [a_log(best=0.75)]}
    top, below = training_overview_figure(logs, "ref").axes
    assert top.get_ylabel() == "Validation Dice [%]"
    assert below.get_title() == "Dice loss"
    assert top.get_position().y0 > below.get_position().y1
    lines = lines_of(top)
    assert set(lines) == {"ref (reference)", "a"}
    assert lines["a"][1] == pytest.approx((100 * 0.75 * (1 - np.exp(-STEPS / 20))).tolist())
    low, high = top.get_ylim()
    late = 75 * (1 - np.exp(-50 / 20))
    assert late - 3 < low < late < 80 < high + 1


def test_a_line_is_the_mean_of_its_trials_which_are_thin_where_few() -> None:
    logs = {"ref": [a_log("seed 0", 0.8), a_log("seed 1", 0.7)], "a": [a_log()]}
    top = training_overview_figure(logs, "ref").axes[0]
    thin = [line for line in top.get_lines() if line.get_linewidth() < 0.5]
    assert len(thin) == 2
    mean = next(line for line in top.get_lines() if line.get_label() == "ref (reference)")
    assert np.asarray(mean.get_ydata())[-1] == pytest.approx(75 * (1 - np.exp(-5)))
    assert "thin: each trial" in training_overview_caption(logs, "ref")
    many = {str(n): [a_log("seed 0"), a_log("seed 1")] for n in range(7)}
    assert not [line for line in training_overview_figure(many).axes[0].get_lines() if line.get_linewidth() < 0.5]
    assert "thin" not in training_overview_caption(many)


def test_of_many_variants_the_best_are_named_and_the_reference_always() -> None:
    logs = {f"v{n}": [a_log(best=0.5 + 0.01 * n)] for n in range(20)}
    (legend,) = training_overview_figure(logs, "v0").legends
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["v0 (reference)", *(f"v{n}" for n in range(20 - MOST_NAMED + 1, 20)), "others (12)"]
    assert "Named: the reference and those with the highest last score; grey: the others." in (
        training_overview_caption(logs, "v0")
    )


def test_other_networks_and_missing_scores_and_broken_losses_are_drawn_and_said() -> None:
    other = a_log(score="first_dice", steps=50)
    other.losses["dice"].values[1] = np.nan
    logs = {"a": [other], "b": [TrainingLog("seed 0", {"dice": Course(STEPS, 1 / STEPS)}, {}, {}, 100)]}
    assert len(training_overview_figure(logs).axes) == 2
    caption = training_overview_caption(logs)
    assert "Above: Dice of the first on the validation cases" in caption
    assert "a: dice not finite in some reports." in caption
    assert "a: seed 0 not trained to the end." in caption
    alone = {"b": logs["b"]}
    assert len(training_overview_figure(alone).axes) == 1
    assert "Above" not in training_overview_caption(alone)
    with pytest.raises(ValueError, match="logged nothing"):
        training_overview_figure({"a": [TrainingLog("seed 0", {}, {}, {}, 9)]})


@pytest.mark.parametrize("width_mm", [89.0, 183.0])
def test_twelve_long_names_are_readable(
    width_mm: float, awkward: tuple[str, ...], check_texts: Callable[[Figure], list[str]]
) -> None:
    losses = {f"a_long_name_of_term_{n}": Course(STEPS, 1 / STEPS) for n in range(7)}
    logs = {name: [TrainingLog("seed 0", losses, a_log().validation, {}, 100)] for name in awkward}
    figure = training_overview_figure(logs, awkward[0], width_mm)
    texts = "".join("".join(check_texts(figure)).split())
    assert "".join(f"{awkward[0]} (reference)".split()) in texts
    assert figure.get_figwidth() * 25.4 == pytest.approx(width_mm)

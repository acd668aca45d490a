import numpy as np
import pytest

from analysis.figures.canvas.scale import axis_of, scale_axis
from analysis.figures.canvas.style import ONE_COLUMN_MM, new_figure, style


def scaled(
    values: list[float], length_mm: float = 80.0, kept: float | None = None
) -> tuple[str, list[str], list[float]]:
    """Return the axis's scale, its labels, and where the values stand from 0 to 1."""
    with style():
        axes = new_figure(ONE_COLUMN_MM, 40).add_subplot()
        axes.plot(values, values)
        scale_axis(axes, values, length_mm, kept)
        along = axes.get_xaxis_transform() - axes.transAxes
        places = [float(along.transform((value, 0))[0]) for value in values]
        return axes.get_xscale(), [label.get_text() for label in axes.get_xticklabels()], places


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        *(([2.0, 8.0, 64.0], "log"), ([1.0, 8.0], "log"), ([1.0, 7.9], "linear"), ([1.0, 2.0, 3.0], "linear")),
        *(([-1.0, 0.0, 100.0], "linear"), ([0.0, 1.0, 2.0], "linear"), ([0.0, 0.1, 0.8], "symlog"), ([0.5], "linear")),
    ],
)
def test_the_axis_is_logarithmic_from_a_factor_of_eight_on(values: list[float], scale: str) -> None:
    assert scaled(values)[0] == scale


def test_equal_factors_are_equal_lengths_and_zero_stands_left_of_them() -> None:
    _, labels, places = scaled([0.0, 0.01, 0.1, 1.0])
    steps = np.diff(places)
    assert steps[1] == pytest.approx(steps[2])
    assert steps[0] > 0
    assert labels == ["0", "0.01", "0.1", "1"]


def test_of_crowded_labels_the_one_that_must_stay_stays() -> None:
    values = [0.100 + 0.001 * n for n in range(20)]
    _, labels, _ = scaled(values, 20.0, kept=values[7])
    assert labels[7] == "0.107"
    assert labels[6] == labels[8] == ""


@pytest.mark.parametrize(
    "values",
    [[0.0, 0.01, 0.02, 0.05, 0.1, 0.5], [8.0, 64.0, 128.0], [-1.0, 0.0, 100.0], [1.0, 2.0, 3.0], [0.0, 0.1, 0.8]],
)
def test_the_places_that_the_report_takes_are_those_of_the_figure(values: list[float]) -> None:
    kind, _, places = scaled(values)
    axis = axis_of(reversed(values))
    assert axis.kind == kind
    drawn = [(place - places[0]) / (places[-1] - places[0]) for place in places]
    assert [axis.place(value) for value in values] == pytest.approx(drawn)


def test_one_value_stands_in_the_middle_and_none_is_refused() -> None:
    assert axis_of([0.5, 0.5]).place(0.5) == 0.5
    with pytest.raises(ValueError, match="one or more values"):
        axis_of([])

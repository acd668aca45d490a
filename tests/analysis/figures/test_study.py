from typing import Any

import pytest

from analysis.comparison.metric import find_metric
from analysis.figures.study import Study
from analysis.runs.tried_setting import TriedSetting


def study(metric: str, *given: tuple[int, Any, float | None]) -> Study:
    return Study("s", find_metric(metric), tuple(TriedSetting(n, {}, state=state, value=v) for n, state, v in given))


GIVEN = (
    *((7, "complete", 0.5), (2, "complete", 0.9), (4, "pruned", 0.95), (3, "complete", 0.9)),
    *((1, "complete", float("nan")), (0, "failed", None), (5, "running", None), (6, "complete", 0.4)),
)


def test_what_was_trained_to_a_finite_value_counts_by_number() -> None:
    assert [trial.number for trial in study("dice", *GIVEN).counting] == [2, 3, 6, 7]


@pytest.mark.parametrize(("metric", "number"), [("dice", 2), ("hd95_mm", 6)])
def test_the_best_is_the_earliest_of_equal_ones_in_the_metrics_direction(metric: str, number: int) -> None:
    best = study(metric, *GIVEN).best
    assert best is not None
    assert best.number == number
    assert study(metric, *GIVEN[4:6]).best is None


def test_what_has_no_value_is_said() -> None:
    assert study("dice", *GIVEN).remarks() == [
        "1 of 8 trials pruned.",
        "1 of 8 trials failed.",
        "1 of 8 trials running.",
        "1 of 8 trials complete without a finite value.",
    ]
    assert study("dice", GIVEN[0]).remarks() == []


def test_settings_are_called_as_the_sweep_labels_them() -> None:
    trial = TriedSetting(0, {"projection.dropout": 0.1, "loss.sdm": 1.0}, state="complete", value=0.5)
    keys = frozenset({"projection.dropout"})
    shares = {"projection.dropout": 0.9, "loss.sdm": 0.1}
    found = Study("s", find_metric("dice"), (trial,), keys, shares).called({"projection.dropout": "p"})
    assert dict(found.trials[0].params) == {"p": 0.1, "loss.sdm": 1.0}
    assert (found.logarithmic, found.importances) == ({"p"}, {"p": 0.9, "loss.sdm": 0.1})
    assert found.best is found.trials[0]

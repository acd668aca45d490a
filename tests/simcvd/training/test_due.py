import pytest

from simcvd.config.settings import TrainingConfig
from simcvd.training.due import CHECKPOINT_S, Calendar


class _Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def _saved(training: TrainingConfig, seconds_a_step: float) -> list[int]:
    clock = _Clock()
    calendar, saved = Calendar(training, (), clock), []
    for done in range(1, training.steps + 1):
        clock.seconds += seconds_a_step
        if calendar.after(done, with_norms=False).saving:
            saved.append(done)
            calendar.saved()
    return saved


@pytest.mark.parametrize(("seconds_a_step", "expected"), [(0.05, [1200, 2400, 3000]), (14.0, [5, 10, 15, 20])])
def test_checkpoints_are_a_minute_apart_whatever_a_step_takes(seconds_a_step: float, expected: list[int]) -> None:
    found = _saved(TrainingConfig(steps=expected[-1]), seconds_a_step)
    assert CHECKPOINT_S == 60
    assert found == pytest.approx(expected, abs=2)
    assert found[-1] == expected[-1]


def test_checkpoints_come_by_steps_where_they_are_asked_for() -> None:
    assert _saved(TrainingConfig(steps=10, checkpoint_every_steps=4), 1000.0) == [4, 8, 10]


def test_what_else_is_due_follows_the_intervals() -> None:
    training = TrainingConfig(steps=12, log_every_steps=5, validate_every_steps=6)
    calendar = Calendar(training, judged=(4, 12))
    due = {done: calendar.after(done, with_norms=done == 3) for done in range(1, 13)}
    assert [done for done in due if due[done].logging] == [3, 5, 10, 12]
    assert [done for done in due if due[done].validating] == [4, 6]
    assert [done for done in due if due[done].judging] == [4]
    assert [done for done in due if due[done].last] == [12]

from pathlib import Path

import pytest

from analysis.optimism.measure import Choice, LeftOut, choice_of, measure_variant
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import PlannedVariant
from analysis.runs.training_log import TrainingLog, read_training_log
from tests.analysis.optimism.made_logs import Validations, write_log


def log_of(folder: Path, validations: Validations, name: str = "student_dice") -> TrainingLog:
    write_log(folder, "t", validations, name=name)
    return read_training_log(folder / "trials" / "t" / "log.jsonl", "t")


def test_optimism_is_the_best_validation_minus_the_last(tmp_path: Path) -> None:
    found = choice_of(log_of(tmp_path, {10: 0.5, 20: 0.8261, 30: 0.8, 40: 0.7784}))
    assert found == Choice(last=0.7784, best=0.8261, checkpoints=4)
    assert isinstance(found, Choice)
    assert found.optimism == pytest.approx(0.0477)


def test_a_training_that_ends_at_its_best_has_no_optimism(tmp_path: Path) -> None:
    found = choice_of(log_of(tmp_path, {20: 0.6, 40: 0.7}))
    assert isinstance(found, Choice)
    assert found.optimism == 0


def test_validations_without_a_number_are_passed_over(tmp_path: Path) -> None:
    found = choice_of(log_of(tmp_path, {10: None, 20: 0.6, 30: None, 40: 0.5}))
    assert found == Choice(last=0.5, best=0.6, checkpoints=2)


@pytest.mark.parametrize(
    ("validations", "why"),
    [
        ({}, LeftOut.no_cases),
        ({20: None, 40: None}, LeftOut.no_cases),
        ({40: 0.5}, LeftOut.once),
        ({20: None, 40: 0.5}, LeftOut.once),
        ({10: 0.5, 20: 0.6}, LeftOut.no_end),
        ({10: 0.5, 20: 0.6, 40: None}, LeftOut.no_end),
    ],
)
def test_a_trial_without_two_validations_to_its_end_is_left_out(
    tmp_path: Path, validations: Validations, why: LeftOut
) -> None:
    assert choice_of(log_of(tmp_path, validations)) is why


def test_the_student_is_measured_and_no_other_network(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"step": 20, "steps": 40, "val": {"teacher_dice": 0.9, "student_dice": 0.6}}\n'
        '{"step": 40, "steps": 40, "val": {"teacher_dice": 0.1, "student_dice": 0.5}}\n'
    )
    assert choice_of(read_training_log(path, "t")) == Choice(0.5, 0.6, 2)


def test_without_a_student_the_first_network_is_measured(tmp_path: Path) -> None:
    assert choice_of(log_of(tmp_path, {20: 0.6, 40: 0.5}, name="first_dice")) == Choice(0.5, 0.6, 2)


def made_variant(tmp_path: Path, trials: dict[Replicate, str]) -> tuple[PlannedVariant, dict[Replicate, TrainingLog]]:
    """Trials `a`, `b`, ... of optimism 0.02, 0.04, ..., with 2, 3, ... checkpoints."""
    logs = {}
    for place, name in enumerate(dict.fromkeys(trials.values())):
        early = dict.fromkeys(range(1, place + 1), 0.1)
        write_log(tmp_path, name, {**early, 30: 0.5 + 0.02 * (place + 1), 40: 0.5})
        for replicate, trial in trials.items():
            if trial == name:
                logs[replicate] = read_training_log(tmp_path / "trials" / name / "log.jsonl", str(replicate))
    return PlannedVariant("v", trials), logs


def test_trials_are_averaged_and_their_limits_are_kept(tmp_path: Path) -> None:
    variant, logs = made_variant(tmp_path, {Replicate(0): "a", Replicate(1): "b", Replicate(2): "c"})
    found = measure_variant(variant, logs, {"a", "b", "c"}, {"a": 4, "b": 5, "c": 4})
    assert found.last == pytest.approx(0.5)
    assert found.best == pytest.approx(0.54)
    assert found.optimism == pytest.approx(0.04)
    assert found.limits == pytest.approx((0.02, 0.06))
    assert (found.checkpoints, found.val_cases) == ((2, 4), (4, 5))
    assert not found.left_out


def test_a_trial_that_has_not_finished_or_left_no_log_does_not_count(tmp_path: Path) -> None:
    variant, logs = made_variant(tmp_path, {Replicate(0): "a", Replicate(1): "b", Replicate(2): "c"})
    del logs[Replicate(1)]
    found = measure_variant(variant, logs, {"b", "c"}, {"a": 4, "c": 4})
    assert list(found.choices) == [Replicate(2)]
    assert found.left_out == {Replicate(0): LeftOut.unfinished, Replicate(1): LeftOut.no_log}


def test_a_training_that_stands_for_two_label_splits_counts_once(tmp_path: Path) -> None:
    trials = {Replicate(0, 0): "a", Replicate(0, 1): "a", Replicate(1, 0): "b", Replicate(1, 1): "c"}
    variant, logs = made_variant(tmp_path, trials)
    found = measure_variant(variant, logs, {"a", "b", "c"}, {})
    assert list(found.choices) == [Replicate(0, 0), Replicate(1, 0), Replicate(1, 1)]
    assert found.optimism == pytest.approx((0.02 + 0.04 + 0.06) / 3)
    assert found.val_cases is None


def test_a_variant_without_any_trial_has_no_numbers() -> None:
    found = measure_variant(PlannedVariant("v", {Replicate(0): "a"}), {}, set(), {})
    assert (found.last, found.best, found.optimism, found.limits, found.checkpoints) == (None,) * 5

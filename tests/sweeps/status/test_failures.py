from pathlib import Path

from sweeps.status.failures import KINDS, failure_groups, failure_lines
from sweeps.status.sweep import Planned, TrialRow
from sweeps.status.trial import TrialState, trial_folder
from sweeps.trial.failure_kinds import NOT_OF_TRAINING


def _failed(number: int, kind: str | None, message: str | None = "It broke.") -> TrialRow:
    trial = TrialState(f"t{number}", "failed", failure_kind=kind, failure_message=message)
    return TrialRow(Planned(trial.id, f"v{number}", 0), trial)


def test_failures_are_grouped_by_kind_the_most_frequent_first() -> None:
    rows = [
        _failed(0, "nan"),
        _failed(1, "out_of_memory"),
        _failed(2, "out_of_memory"),
        _failed(3, "ZeroDivisionError"),
    ]
    rows.append(TrialRow(Planned("w", "w", 0), TrialState("w", "waiting")))
    groups = failure_groups(rows)
    assert [(group.kind, len(group.rows)) for group in groups] == [
        ("out_of_memory", 2),
        ("nan", 1),
        ("ZeroDivisionError", 1),
    ]
    assert [group.words for group in groups] == ["out of memory", "not a number", "a bug, ZeroDivisionError"]
    assert "training.batch_labeled" in groups[0].advice
    assert "report" in groups[2].advice


def test_every_recorded_kind_has_words_and_advice() -> None:
    kinds = {"nan", "out_of_memory", "gpu_error", "user", "worker_lost", "data", "hung", "disk_full"}
    assert kinds | NOT_OF_TRAINING <= KINDS.keys()
    assert all(kind.words and kind.advice.endswith(".") for kind in KINDS.values())


def test_each_failed_trial_is_led_back_to_its_own_log(tmp_path: Path) -> None:
    for name, file in (("t0", "failure.txt"), ("t0", "log.jsonl"), ("t1", "log.jsonl")):
        trial_folder(tmp_path, name).mkdir(parents=True, exist_ok=True)
        (trial_folder(tmp_path, name) / file).touch()
    lines = failure_lines(tmp_path, [_failed(i, "hung") for i in range(8)])
    assert lines[0] == "8 failed, hung: It broke."
    assert lines[2:] == [
        f"  v0 seed 0: {tmp_path}/trials/t0/failure.txt",
        f"  v1 seed 0: {tmp_path}/trials/t1/log.jsonl",
        *(f"  v{i} seed 0: t{i} left no log" for i in (2, 3, 4)),
        "  and 3 more",
    ]


def test_a_failure_without_kind_or_message_is_told_too(tmp_path: Path) -> None:
    assert failure_lines(tmp_path, [_failed(0, None, None)])[0] == "1 failed, a bug, unknown: no message"
    assert failure_lines(tmp_path, []) == []

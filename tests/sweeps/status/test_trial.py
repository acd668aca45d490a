import json
import os
import time
from pathlib import Path

from analysis.runs.records import write_trial
from sweeps.status.lock import trial_lock
from sweeps.status.trial import TrialState, read_trial, trial_folder
from tests.sweeps.status.logs import write_log


def test_a_trial_without_files_waits(tmp_path: Path) -> None:
    assert read_trial(tmp_path, "a", steps=7) == TrialState("a", "waiting", steps=7)


def test_a_held_trial_runs_at_its_recent_rate(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (20, 100.0), (40, 110.0), (60, 120.0))
    with trial_lock(trial_folder(tmp_path, "a")):
        state = read_trial(tmp_path, "a")
    assert (state.state, state.step, state.steps) == ("running", 60, 100)
    assert (state.steps_per_second, state.eta_seconds) == (2.0, 20.0)


def test_a_trial_whose_process_was_killed_is_interrupted(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (20, 100.0))
    assert read_trial(tmp_path, "a").state == "interrupted"


def test_a_fresh_log_counts_where_the_lock_of_another_host_is_unseen(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (20, 100.0))
    (trial_folder(tmp_path, "a") / "lock").write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    assert read_trial(tmp_path, "a").state == "running"


def test_a_record_after_the_last_line_says_that_a_trial_of_another_host_has_ended(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (20, 100.0))
    folder = trial_folder(tmp_path, "a")
    (folder / "lock").write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    now = time.time()
    os.utime(folder / "log.jsonl", (now - 2, now - 2))
    row = {"trial_id": "a", "config_hash": "h", "method": "simcvd", "seed": 0, "status": "interrupted"}
    write_trial(tmp_path, row)
    assert read_trial(tmp_path, "a").state == "interrupted"
    os.utime(folder / "log.jsonl", (now + 2, now + 2))  # continued
    assert read_trial(tmp_path, "a").state == "running"


def test_a_trial_at_its_last_step_is_being_evaluated(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (100, 50.0))
    with trial_lock(trial_folder(tmp_path, "a")):
        assert read_trial(tmp_path, "a").state == "evaluating"


def test_a_log_line_cut_off_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (20, 100.0))
    with (trial_folder(tmp_path, "a") / "log.jsonl").open("a") as file:
        file.write('{"step": 40, "st')
    assert read_trial(tmp_path, "a").step == 20


def test_validation_dice_of_the_predicting_network_is_shown(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (20, 100.0))
    with (trial_folder(tmp_path, "a") / "log.jsonl").open("a") as file:
        line = {"step": 40, "steps": 100, "seconds": 110, "val": {"student_dice": 0.6, "teacher_dice": 0.7}}
        file.write(json.dumps(line) + "\n")
    state = read_trial(tmp_path, "a")
    assert (state.dice, state.dice_split, state.last_val_dice) == (0.6, "val", 0.6)


def test_all_validations_of_a_log_are_known_by_their_step(tmp_path: Path) -> None:
    write_log(tmp_path, "a", (20, 100.0))
    with (trial_folder(tmp_path, "a") / "log.jsonl").open("a") as file:
        for step, dice in ((40, 0.25), (60, None), (80, 0.5)):
            file.write(json.dumps({"step": step, "steps": 100, "val": {"student_dice": dice}}) + "\n")
    assert read_trial(tmp_path, "a").validations == ((40, 0.25), (80, 0.5))

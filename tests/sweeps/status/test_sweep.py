import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.runs.records import write_trial
from simcvd.config import apply_settings, load_preset
from sweeps.status.command import SweepCommand, write_slots
from sweeps.status.lock import trial_lock
from sweeps.status.sweep import OUTSIDE, Planned, Row, SweepReader, SweepState, duration, read_status
from sweeps.status.trial import TrialState, read_trial, trial_folder
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial


def _log(runs: Path, trial: str, *points: tuple[int, float], steps: int = 100) -> None:
    folder = trial_folder(runs, trial)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"step": step, "steps": steps, "seconds": seconds}) for step, seconds in points]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")


def test_a_trial_without_files_waits(tmp_path: Path) -> None:
    assert read_trial(tmp_path, "a", steps=7) == TrialState("a", "waiting", steps=7)


def test_a_held_trial_runs_at_its_recent_rate(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0), (40, 110.0), (60, 120.0))
    with trial_lock(trial_folder(tmp_path, "a")):
        state = read_trial(tmp_path, "a")
    assert (state.state, state.step, state.steps) == ("running", 60, 100)
    assert (state.steps_per_second, state.eta_seconds) == (2.0, 20.0)


def test_a_trial_whose_process_was_killed_is_interrupted(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    assert read_trial(tmp_path, "a").state == "interrupted"


def test_a_fresh_log_counts_where_the_lock_of_another_host_is_unseen(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    (trial_folder(tmp_path, "a") / "lock").write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    assert read_trial(tmp_path, "a").state == "running"


def test_a_record_after_the_last_line_says_that_a_trial_of_another_host_has_ended(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
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
    _log(tmp_path, "a", (100, 50.0))
    with trial_lock(trial_folder(tmp_path, "a")):
        assert read_trial(tmp_path, "a").state == "evaluating"


def test_a_log_line_cut_off_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    with (trial_folder(tmp_path, "a") / "log.jsonl").open("a") as file:
        file.write('{"step": 40, "st')
    assert read_trial(tmp_path, "a").step == 20


def test_validation_dice_of_the_predicting_network_is_shown(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    with (trial_folder(tmp_path, "a") / "log.jsonl").open("a") as file:
        line = {"step": 40, "steps": 100, "seconds": 110, "val": {"student_dice": 0.6, "teacher_dice": 0.7}}
        file.write(json.dumps(line) + "\n")
    state = read_trial(tmp_path, "a")
    assert (state.dice, state.dice_split) == (0.6, "val")


@pytest.fixture
def runs(tmp_path: Path, dataset: Path, make_engine: Callable[..., Engine]) -> Path:
    """A sweep with a finished, a failed and a waiting trial, and a trial outside it."""
    base = apply_settings(load_preset("phantom"), {"training.steps": 5})
    for name, sdm in (("fine", 0.1), ("broken", 9.0), ("simcvd-s3-abc", 0.2)):
        config = apply_settings(base, {"loss.sdm": sdm})
        execute_trial(config, dataset, tmp_path, trial_id=name, engine=make_engine())
    variants = [{"name": name, "set": {}, "trials": [{"seed": 0, "id": name}]} for name in ("fine", "broken", "later")]
    content = {"name": "mine", "metric": "dice", "reference": None, "dataset": {"name": "boxes"}, "variants": variants}
    (tmp_path / "sweeps" / "mine").mkdir(parents=True)
    (tmp_path / "sweeps" / "mine" / "sweep.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def test_status_tells_finished_failed_with_reason_and_waiting(runs: Path) -> None:
    mine, outside = read_status(runs)
    assert [row.trial.state for row in mine.rows] == ["finished", "failed", "waiting"]
    assert mine.rows[0].trial.dice_split == "test"
    assert mine.rows[1].trial.failure_kind == "nan"
    assert (outside.name, outside.rows[0].planned.seed, outside.rows[0].trial.state) == (OUTSIDE, 3, "finished")
    assert read_status(runs, "mine") == [mine]
    with pytest.raises(AnalysisError, match="no sweep 'mien'"):
        read_status(runs, "mien")


def test_shorter_trainings_of_a_searched_setting_are_not_outside_any_sweep(runs: Path) -> None:
    trials = ({"steps": 2, "id": "simcvd-s3-abc"}, {"steps": 5, "id": "later"})
    record = {"number": 0, "params": {}, "trials": trials, "state": "running", "value": None, "rungs": {}}
    for place in ("search", "search-abc"):  # the second was moved aside
        (runs / "sweeps" / "mine" / place).mkdir()
        (runs / "sweeps" / "mine" / place / "0.json").write_text(json.dumps(record))
        assert [state.name for state in read_status(runs)] == ["mine"]
        (runs / "sweeps" / "mine" / place / "0.json").unlink()


def _rows(*trials: TrialState) -> tuple[Row, ...]:
    return tuple(Row(Planned(t.id, f"projection.dropout={i}", i), t) for i, t in enumerate(trials))


def test_the_eta_divides_the_remaining_steps_among_the_slots() -> None:
    finished = TrialState("a", "finished", 100, 100, steps_per_second=2.0, evaluation_seconds=10.0)
    running = TrialState("b", "running", 50, 100, steps_per_second=2.0, eta_seconds=25.0)
    waiting = TrialState("c", "waiting", 0, 100)
    # 25 s and 50 s of training, 10 s of evaluation each.
    assert SweepState("mine", _rows(finished, running, waiting), slots=2).eta_seconds == 60.0
    assert SweepState("mine", _rows(finished, running, waiting), slots=1).eta_seconds == 95.0
    assert SweepState("mine", _rows(waiting)).eta_seconds is None


def test_the_last_trial_starts_where_a_slot_is_free_first() -> None:
    done = TrialState("a", "finished", 100, 100, steps_per_second=1.0)
    waiting = [TrialState(name, "waiting", 0, 100) for name in "bcd"]
    # 300 s of training on two slots: 100 s side by side, then one alone.
    assert SweepState("mine", _rows(done, *waiting), slots=2).eta_seconds == 200.0


def test_a_waiting_trial_takes_the_pace_of_its_own_variant() -> None:
    def row(variant: str, seed: int, trial: TrialState) -> Row:
        return Row(Planned(f"{variant}{seed}", variant, seed), trial)

    slow = row("slow", 0, TrialState("a", "finished", 100, 100, steps_per_second=1.0))
    fast = row("fast", 0, TrialState("b", "finished", 100, 100, steps_per_second=10.0))
    waiting = TrialState("c", "waiting", 0, 100)
    assert SweepState("mine", (slow, fast, row("fast", 1, waiting))).eta_seconds == pytest.approx(10)
    assert SweepState("mine", (slow, fast, row("slow", 1, waiting))).eta_seconds == pytest.approx(100)
    assert SweepState("mine", (slow, fast, row("new", 0, waiting))).eta_seconds == pytest.approx(55)


def test_a_sweep_that_nobody_runs_has_no_eta() -> None:
    rows = _rows(TrialState("a", "finished", 100, 100, steps_per_second=2.0), TrialState("b", "waiting", 0, 100))
    state = SweepState("mine", rows, command=SweepCommand(alive=False, host="here", pid=1))
    assert state.eta_seconds is None
    assert state.remarks() == ["Not running; run the same command again to continue"]
    assert SweepState("mine", rows, command=SweepCommand(alive=True)).eta_seconds == 50.0
    assert SweepState("mine", rows[:1], command=SweepCommand(alive=False)).remarks() == []  # nothing is left to run


def test_the_best_trial_so_far_is_told_by_its_val_score() -> None:
    test_best = TrialState("a", "finished", 9, 9, dice=0.95, dice_split="test", val_dice=0.5)
    val_best = TrialState("b", "running", 5, 9, dice=0.75, dice_split="val")
    state = SweepState("mine", _rows(test_best, val_best, TrialState("c", "waiting")))
    assert state.best is state.rows[1]
    assert state.remarks() == ["Best so far: projection.dropout=1 seed 1, val Dice 0.750, at step 5 of 9"]
    assert SweepState("mine", _rows(TrialState("c", "waiting"))).best is None


def _reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the trials whose files are read."""
    reads: list[str] = []

    def read(runs: Path, trial_id: str, **options: Any) -> TrialState:
        reads.append(trial_id)
        return read_trial(runs, trial_id, **options)

    monkeypatch.setattr("sweeps.status.sweep.read_trial", read)
    return reads


def test_a_refresh_reads_what_changed_alone(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = _reads(monkeypatch)
    names = ["fine", "broken", *(f"later{i}" for i in range(1000)), "cut"]
    _log(runs, "cut", (20, 10.0))
    reader = SweepReader(runs, "mine", [Planned(name, name, 0, 5) for name in names])
    state = reader.read()
    assert state.counts == {"finished": 1, "failed": 1, "waiting": 1000, "interrupted": 1}
    assert reads == ["fine", "broken", "cut"]  # what waits has no files
    assert reader.read() == state
    assert len(reads) == 3
    with trial_lock(trial_folder(runs, "cut")):
        assert reader.read().counts["running"] == 1
        _log(runs, "cut", (40, 20.0))
        assert reader.read().rows[-1].trial.step == 40
    assert reader.read().counts["interrupted"] == 1
    assert reads == ["fine", "broken", *["cut"] * 4]


def test_a_failed_trial_that_runs_again_is_seen(
    runs: Path, dataset: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SweepReader(runs, "mine", [Planned("broken", "broken", 0, 5)])
    assert reader.read().counts == {"failed": 1}
    with trial_lock(trial_folder(runs, "broken")):
        assert reader.read().counts == {"running": 1}
    config = apply_settings(load_preset("phantom"), {"training.steps": 5, "loss.sdm": 0.3})
    execute_trial(config, dataset, runs, trial_id="broken", engine=make_engine(), retry_failed=True)
    assert reader.read().counts == {"finished": 1}


def test_status_tells_who_runs_a_sweep_and_with_how_many_slots(runs: Path) -> None:
    folder = runs / "sweeps" / "mine"
    (mine,) = read_status(runs, "mine")
    assert mine.remarks()[-1] == "Not running; run the same command again to continue"
    with trial_lock(folder):
        (folder / "ray" / "here-1").mkdir(parents=True)
        write_slots(folder / "ray" / "here-1", 3)
        (mine,) = read_status(runs, "mine")
        assert mine.slots == 3
        assert f"Run by process {os.getpid()} on " in mine.remarks()[-1]
        assert mine.remarks()[-1].endswith(", 3 trials at a time")
    (mine,) = read_status(runs, "mine")  # killed: its scratch folder is still there
    assert (mine.slots, mine.command and mine.command.alive) == (1, False)


def test_trials_that_another_command_runs_are_no_sign_of_the_sweeps_own(runs: Path) -> None:
    with trial_lock(trial_folder(runs, "later")):
        (mine,) = read_status(runs, "mine")
    assert mine.counts["running"] == 1
    assert mine.remarks()[-1].startswith("Its own command is not running, but another one runs 1 of its trials")


def test_a_sweep_of_another_host_is_told_by_its_logs() -> None:
    gone = SweepCommand(alive=False, host="elsewhere", pid=1)
    assert gone.sentence(2, 2).startswith("Run on elsewhere, as far as its logs tell")
    assert gone.sentence(2, 0) == "Not running; run the same command again to continue"


def _setting(runs: Path, number: int, **content: Any) -> None:
    folder = runs / "sweeps" / "mine" / "search"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}.json").write_text(json.dumps({"number": number, "params": {}, **content}))


def test_a_search_is_shown_by_number_and_never_by_its_test_scores(
    runs: Path, dataset: Path, make_engine: Callable[..., Engine]
) -> None:
    config = apply_settings(load_preset("phantom"), {"training.steps": 5, "loss.sdm": 0.4})
    execute_trial(config, dataset, runs, trial_id="scored-s0-a", engine=make_engine(), test=False)
    execute_trial(config, dataset, runs, trial_id="short-s0-b", engine=make_engine(), test=False)
    _setting(runs, 10, state="running")
    _setting(runs, 2, trials=[{"steps": 2, "id": "x"}, {"steps": 5, "id": "scored-s0-a"}], state="complete", value=0.5)
    _setting(runs, 1, trials=[{"steps": 5, "id": "short-s0-b"}], state="pruned", value=0.5)
    _setting(runs, 0, trials=[{"steps": 5, "id": "fine"}], state="complete", value=0.5)
    (runs / "sweeps" / "mine" / "search" / "identity.json").write_text('{"identity": "abc"}')
    (mine,) = read_status(runs, "mine")
    searched = [row for row in mine.rows if row.planned.search is not None]
    assert [(row.planned.name, row.trial.state) for row in searched] == [
        ("search 0", "finished"),
        ("search 1", "stopped"),
        ("search 2", "validated"),
        ("search 10", "waiting"),
    ]
    assert [row.trial.dice_split for row in searched] == ["val", "val", "val", None]
    assert [row.over for row in searched] == [True, True, True, False]


def test_a_search_counts_the_settings_that_it_is_still_to_try(runs: Path) -> None:
    path = runs / "sweeps" / "mine" / "sweep.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(content | {"search": {"trials": 4, "over": False}}))
    _setting(runs, 1, trials=[{"steps": 5, "id": "fine"}], state="complete", value=0.5)
    (mine,) = read_status(runs, "mine")
    assert [row.planned.name for row in mine.rows[3:]] == ["search 0", "search 1", "search 2", "search 3"]
    assert mine.rows[3].trial.state == "waiting"
    path.write_text(yaml.safe_dump(content | {"search": {"trials": 4, "over": True}}))
    (mine,) = read_status(runs, "mine")
    assert [row.planned.name for row in mine.rows[3:]] == ["search 1"]


def test_the_summary_counts_every_state() -> None:
    state = SweepState(
        "mine", _rows(TrialState("a", "finished"), TrialState("b", "failed"), TrialState("c", "waiting"))
    )
    assert state.summary() == "mine: 1 of 3 finished, 1 failed, 1 waiting"


def test_durations_read_well() -> None:
    assert [duration(s) for s in (42, 200, 18420)] == ["42 s", "3 min 20 s", "5 h 07 min"]

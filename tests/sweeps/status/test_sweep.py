from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import AnalysisError
from analysis.runs.tried_setting import Training, TriedSetting, write_setting
from simcvd.config import apply_settings, load_preset
from sweeps.status.command import SweepCommand
from sweeps.status.lock import trial_lock
from sweeps.status.sweep import OUTSIDE, Planned, SweepReader, SweepState, TrialRow, duration, read_status
from sweeps.status.trial import TrialState, read_trial, trial_folder
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Terms
from tests.sweeps.status.logs import write_log


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
    setting = TriedSetting(0, {}, (Training(2, "simcvd-s3-abc"), Training(5, "later")))
    for place in ("search", "search-abc"):  # the second was moved aside
        write_setting(runs / "sweeps" / "mine" / place, setting)
        assert [state.name for state in read_status(runs)] == ["mine"]
        (runs / "sweeps" / "mine" / place / "0.json").unlink()


def _rows(*trials: TrialState) -> tuple[TrialRow, ...]:
    return tuple(TrialRow(Planned(t.id, f"projection.dropout={i}", i), t) for i, t in enumerate(trials))


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
    def row(variant: str, seed: int, trial: TrialState) -> TrialRow:
        return TrialRow(Planned(f"{variant}{seed}", variant, seed), trial)

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


def test_what_was_trained_outside_any_sweep_is_neither_compared_nor_waited_for() -> None:
    done = TrialState("a", "finished", 9, 9, steps_per_second=1.0, dice=0.9, dice_split="val", val_dice=0.9)
    rows = _rows(done, TrialState("b", "interrupted", 3, 9))
    assert SweepState(OUTSIDE, rows).eta_seconds is None
    assert SweepState(OUTSIDE, rows).remarks() == []
    assert SweepState(OUTSIDE, (*rows, *_rows(TrialState("c", "running", 3, 9)))).eta_seconds is not None


def test_the_best_trial_so_far_is_told_by_its_val_score() -> None:
    test_best = TrialState("a", "finished", 9, 9, dice=0.95, dice_split="test", val_dice=0.5)
    val_best = TrialState("b", "finished", 9, 9, dice=0.75, dice_split="test", val_dice=0.625)
    state = SweepState("mine", _rows(test_best, val_best, TrialState("c", "waiting")))
    assert state.best is not None
    assert state.best[0] is state.rows[1]
    assert state.remarks() == ["Best of 2 finished: projection.dropout=1 seed 1, val Dice 62.5 % at step 9"]
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
    write_log(runs, "cut", (20, 10.0))
    reader = SweepReader(runs, "mine", [Planned(name, name, 0, 5) for name in names])
    state = reader.read()
    assert state.counts == {"finished": 1, "failed": 1, "waiting": 1000, "interrupted": 1}
    assert reads == ["fine", "broken", "cut"]  # what waits has no files
    assert reader.read() == state
    assert len(reads) == 3
    with trial_lock(trial_folder(runs, "cut")):
        assert reader.read().counts["running"] == 1
        write_log(runs, "cut", (40, 20.0))
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
    execute_trial(config, dataset, runs, trial_id="broken", terms=Terms(engine=make_engine(), retry_failed=True))
    assert reader.read().counts == {"finished": 1}


def test_the_summary_counts_every_state() -> None:
    state = SweepState(
        "mine", _rows(TrialState("a", "finished"), TrialState("b", "failed"), TrialState("c", "waiting"))
    )
    assert state.summary() == "mine: 1 of 3 finished, 1 failed, 1 waiting"


def test_durations_read_well() -> None:
    assert [duration(s) for s in (42, 200, 18420)] == ["42 s", "3 min 20 s", "5 h 07 min"]

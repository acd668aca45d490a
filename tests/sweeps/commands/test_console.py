import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from simcvd.data.phantom import write_phantom
from simcvd.errors import UserError
from sweeps.runner import SweepOutcome
from sweeps.status.lock import trial_lock
from sweeps.status.sweep import Planned, Row, SweepState
from sweeps.status.trial import TrialState, trial_folder


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data"
    write_phantom(folder, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    return folder


def _stub(monkeypatch: pytest.MonkeyPatch, end: "SweepOutcome | BaseException") -> None:
    """Let a sweep say a sentence, print what nobody asked for, and end in a given way, without running."""

    def run_sweep(*arguments: Any, console: Any, **options: Any) -> SweepOutcome:
        console.print("Starting.", markup=False)
        print("a stray line")
        if isinstance(end, BaseException):
            raise end
        return end

    monkeypatch.setattr("sweeps.runner.run_sweep", run_sweep)


def _outcome(*trials: TrialState, interrupted: bool = False) -> SweepOutcome:
    rows = tuple(Row(Planned(trial.id, trial.id, 0), trial) for trial in trials)
    return SweepOutcome("dropout", SweepState("dropout", rows), len(rows), interrupted, 1.0)


FAILED = TrialState("b", "failed", 3, 9, failure_kind="nan", failure_message="The loss is nan.")


@pytest.mark.parametrize(
    ("trials", "interrupted", "code"),
    [
        ([TrialState("a", "finished")], False, 0),
        ([TrialState("a", "finished"), FAILED], False, 1),
        ([TrialState("a", "interrupted")], True, 130),
    ],
)
def test_json_puts_events_alone_on_standard_output(run, dataset, monkeypatch, trials, interrupted, code):
    _stub(monkeypatch, _outcome(*trials, interrupted=interrupted))
    done = run("sweep", "dropout", dataset, "--json")
    assert done.exit_code == code
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds == ["notice", "sweep", *["trial"] * len(trials), "progress", "end"]
    assert events[-1]["exit_code"] == code
    assert "a stray line" in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [(UserError("No room."), 2, "No room."), (KeyboardInterrupt(), 130, "Interrupted; the same command continues.")],
)
def test_json_ends_with_an_event_however_the_sweep_ends(run, dataset, monkeypatch, error, code, message):
    _stub(monkeypatch, error)
    done = run("sweep", "dropout", dataset, "--json")
    assert done.exit_code == code
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["event"], end["exit_code"], end["message"]) == ("end", code, message)


def test_a_sweep_ends_with_its_failures_by_kind(run, dataset, monkeypatch):
    log = trial_folder(Path("runs"), "b") / "failure.txt"
    _stub(monkeypatch, _outcome(TrialState("a", "finished"), FAILED))
    trial_folder(Path("runs"), "b").mkdir(parents=True)
    log.touch()
    done = run("sweep", "dropout", dataset)
    lines = done.stderr.splitlines()
    assert lines[0] == "1 failed, not a number: The loss is nan."
    assert lines[2] == f"  b seed 0: {log}"
    assert lines[-1].endswith("--retry-failed runs the failed ones again.")


@pytest.fixture
def runs(tmp_path):
    """A sweep of which one trial is being trained and 60 wait."""
    variants = [{"name": f"v{i}", "set": {}, "trials": [{"seed": 0, "id": f"t{i}"}]} for i in range(61)]
    content = {"name": "mine", "metric": "dice", "reference": None, "dataset": {"name": "data"}, "variants": variants}
    folder = tmp_path / "runs" / "sweeps" / "mine"
    folder.mkdir(parents=True)
    (folder / "sweep.yaml").write_text(yaml.safe_dump(content))
    log = trial_folder(tmp_path / "runs", "t0") / "log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"step": 20, "steps": 100, "seconds": 10.0}) + "\n")
    return tmp_path / "runs"


def test_status_of_a_sweep_that_runs_in_another_terminal(run, runs):
    with trial_lock(runs / "sweeps" / "mine"), trial_lock(trial_folder(runs, "t0")):
        told = run("status", runs / "mine").stdout
    assert "v0           0  running  20/100    2.00  40 s" in told
    assert "mine: 0 of 61 finished, 1 running, 60 waiting, ETA 50 min 40 s" in told
    assert "Run by process" in told
    told = run("status", runs / "mine").stdout
    assert "mine: 0 of 61 finished, 1 interrupted, 60 waiting\n" in told
    assert "Not running; run the same command again to continue" in told


def test_status_as_json_is_one_object(run, runs):
    with trial_lock(trial_folder(runs, "t0")):
        told = json.loads(run("status", runs, "--json").stdout)
    (mine,) = told["sweeps"]
    assert (mine["name"], mine["running"], mine["counts"]) == ("mine", False, {"running": 1, "waiting": 60})
    first = mine["trials"][0]
    assert [first[key] for key in ("id", "state", "step", "steps_per_second", "eta_seconds")] == [
        *("t0", "running"),
        *(20, 2.0, 40.0),
    ]
    assert first["log"] == str(trial_folder(runs, "t0") / "log.jsonl")
    assert mine["failures"] == []


def test_status_on_a_terminal_counts_what_has_no_room(run, runs, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    assert len(run("status", runs / "mine").stdout.splitlines()) < 24
    assert len(run("status", runs / "mine", "--all").stdout.splitlines()) > 61

import json

import pytest
import yaml

from sweeps.status.lock import trial_lock
from sweeps.status.trial import trial_folder


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

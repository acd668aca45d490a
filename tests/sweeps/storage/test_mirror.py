import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from sweeps.definition.catalogue import SweepFile
from sweeps.definition.expand import Variant
from sweeps.plan import plan_sweep, write_resolved
from sweeps.request import SweepRequest
from sweeps.status.lock import LIVE_FILE
from sweeps.status.sweep import SweepState, read_status
from sweeps.status.trial import TrialState
from sweeps.storage.attempt.hold import open_trial
from sweeps.storage.attempt.stored import trial_key
from sweeps.storage.lease import Held, Pace, claim
from sweeps.storage.mirror import Mirror
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Terms

Simcvd = Callable[..., Any]


@pytest.fixture
def runs(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectRuns:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return ObjectRuns(store, pace=Pace(0.2, 30))


@pytest.fixture
def variants(runs: ObjectRuns, dataset: Path) -> tuple[Variant, ...]:
    """A sweep of two trials in the store, none of them begun."""
    content = {"name": "mine", "axes": {"loss.sdm": [0.0, 0.1]}, "reference": "sdm=0.0"}
    sweep = SweepFile.model_validate(content | {"base": {"training.steps": 5}})
    mirror = Mirror(runs)
    request = SweepRequest(sweep, dataset, mirror.folder)
    variants = plan_sweep(request).variants
    write_resolved(request, variants)
    mirror.push_sweep("mine")
    return variants


@pytest.fixture
def finish(
    runs: ObjectRuns, dataset: Path, make_engine: Callable[..., Engine], tmp_path: Path
) -> Callable[[Any], None]:
    """Run a trial on another machine."""
    there = ObjectRuns(runs.store, tmp_path / "there", runs.pace)

    def run(variant: Variant) -> None:
        trial = variant.trials[0]
        with open_trial(there, trial.id) as files:
            execute_trial(trial.config, dataset, files.runs, trial_id=trial.id, terms=Terms(engine=make_engine()))

    return run


def _trials(state: SweepState) -> list[TrialState]:
    return [row.trial for row in state.rows]


def _status(runs: ObjectRuns) -> SweepState:
    Mirror(runs).pull()
    return read_status(runs.mirror, "mine")[0]


def test_what_others_have_finished_is_seen_and_fetched_once(runs, variants, finish, monkeypatch) -> None:
    assert [trial.state for trial in _trials(_status(runs))] == ["waiting", "waiting"]
    finish(variants[0])
    first, second = _trials(_status(runs))
    assert (first.state, second.state) == ("finished", "waiting")
    assert first.dice is not None
    fetched: list[str] = []
    fetch = Store.fetch
    monkeypatch.setattr(Store, "fetch", lambda *given: (fetched.append(given[1]), fetch(*given)))
    assert _trials(_status(runs)) == [first, second]
    assert fetched == []


def test_a_trial_that_runs_elsewhere_shows_its_steps_until_it_is_silent(runs, variants, wait) -> None:
    trial = variants[0].trials[0]
    line = {"step": 3, "steps": 5, "seconds": 0.3}
    key = trial_key(trial.id)
    mirror = Mirror(runs)

    def steps() -> tuple[str, int]:
        mirror.pull_running()
        first = _trials(read_status(runs.mirror, "mine")[0])[0]
        return first.state, first.step

    shown = lambda: {"log": json.dumps(line) + "\n"}  # noqa: E731
    with Held(runs.store, claim(runs.store, key), runs.pace, shown=shown):
        assert steps() == ("running", 3)
        line["step"] = 4
        wait(lambda: steps() == ("running", 4))
        line["step"] = 5
        wait(lambda: steps() == ("evaluating", 5))
    assert steps() == ("interrupted", 5)
    assert not (runs.mirror / key / LIVE_FILE).exists()

    # Of a holder that died, the heartbeat stays: it counts no more once it is old.
    runs.store.put(f"live/{key}/000002", b"{}")
    assert steps()[0] == "evaluating"
    old = time.time() - 1000
    os.utime(runs.mirror / key / LIVE_FILE, (old, old))
    assert steps()[0] == "interrupted"


def test_a_record_that_is_forgotten_in_the_store_is_forgotten_here(runs, variants, finish) -> None:
    finish(variants[0])
    assert _trials(_status(runs))[0].state == "finished"
    runs.store.delete([f"results/trials/{variants[0].trials[0].id}.parquet"])
    assert _trials(_status(runs))[0].state == "interrupted"


def test_the_command_that_runs_a_sweep_is_named(runs, variants) -> None:
    with Held(runs.store, claim(runs.store, "sweeps/mine"), runs.pace):
        state = _status(runs)
        assert state.command is not None
        assert (state.command.alive, state.command.pid) == (True, os.getpid())
    command = _status(runs).command
    assert command is not None
    assert not command.alive


@pytest.fixture
def simcvd(runs: ObjectRuns) -> Simcvd:
    import cli

    return lambda *given: CliRunner().invoke(cli.app, list(given), catch_exceptions=False)


def test_status_tables_and_report_read_a_store_and_the_report_goes_there(runs, variants, finish, simcvd) -> None:
    for variant in variants:
        finish(variant)
    url = runs.store.url
    for place in (url, f"{url}/mine", f"{url}/sweeps/mine"):
        told = json.loads(simcvd("status", place, "--json").stdout)
        assert [sweep["name"] for sweep in told["sweeps"]] == ["mine"]
    table = simcvd("tables", f"{url}/sweeps/mine", "--format", "csv").stdout
    assert "sdm=0.1" in table
    assert simcvd("tables", "mine", "--out", url, "--format", "csv").stdout == table
    assert simcvd("report", "mine", "--out", url).exit_code == 0
    page = runs.store.read("sweeps/mine/report.html")
    assert page is not None
    assert b"sdm=0.1" in page


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("train --out {url}", "`simcvd train` needs a folder, but got {url}; only sweeps run in an object store."),
        ("sweep search --out {url}", "A search needs a runs folder that all hosts share, not {url}; choose"),
        ("sweep dropout --out s3://not-there/runs", "There is no bucket s3://not-there; make it first, or choose"),
        (
            "sweep dropout --out {url} --cache s3://a/b",
            "--cache is s3://a/b, expected a folder on each node's own disk.",
        ),
        ("status s3://not-there/runs", "There is no bucket s3://not-there; make it first"),
    ],
)
def test_what_can_not_be_is_one_sentence(runs: ObjectRuns, simcvd: Simcvd, command: str, told: str) -> None:
    result = simcvd(*command.format(url=runs.store.url).split())
    assert result.exit_code == 2
    assert told.format(url=runs.store.url) in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_table_names_the_training_cases_where_the_data_set_is_not(runs, variants, finish, simcvd, dataset) -> None:
    for variant in variants:
        finish(variant)
    content = yaml.safe_load(runs.store.read("sweeps/mine/sweep.yaml") or b"")
    content["dataset"]["path"] = "/on/another/machine"
    runs.store.put("sweeps/mine/sweep.yaml", yaml.safe_dump(content).encode())
    table = simcvd("tables", "mine", "--out", runs.store.url, "--format", "csv").stdout.splitlines()
    named = [dict(zip(table[0].split(","), line.split(","), strict=False)) for line in table[1:]]
    assert {(row["labeled"], row["unlabeled"]) for row in named} == {("1", "1")}


def test_a_sweep_file_in_the_store_names_its_trials(runs, variants) -> None:
    content = yaml.safe_load(runs.store.read("sweeps/mine/sweep.yaml") or b"")
    assert [variant["trials"][0]["id"] for variant in content["variants"]] == [v.trials[0].id for v in variants]

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml
from rich.console import Console

from analysis.runs.tried_setting import TriedSetting, read_settings
from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.on_ray.job import Job
from sweeps.runner import SweepOutcome
from sweeps.search.run import run_search
from sweeps.trial.engine import Engine
from tests.asked import asked
from tests.sweeps.search.asking import search_of

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)
Run = Callable[..., tuple[SweepOutcome, str]]


@pytest.fixture
def run(dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine]) -> Run:
    def call(sweep: SweepFile, *, step_s: float = 0.0, runs: Path = tmp_path, **options: Any) -> Any:
        out = io.StringIO()
        console = Console(file=out, width=200)
        outcome = run_search(asked(sweep, dataset, runs, **options), console=console, engine=make_engine(step_s))
        return outcome, out.getvalue()

    return call


def _asked(runs: Path) -> list[optuna.trial.FrozenTrial]:
    path = runs / "sweeps" / "mine" / "study.journal"
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


def _states(runs: Path) -> dict[str, int]:
    return pd.Series([trial.state.name for trial in _asked(runs)]).value_counts().to_dict()


def _records(runs: Path) -> list[TriedSetting]:
    return read_settings(runs / "sweeps" / "mine" / "search")


def _statuses(runs: Path) -> dict[str, str]:
    rows = pd.concat(pd.read_parquet(path) for path in (runs / "results" / "trials").glob("*.parquet"))
    return dict(zip(rows["trial_id"], rows["status"], strict=True))


def test_a_base_outside_of_what_is_searched_is_refused_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"leaves out 2\.0, the value of the base"):
        run(search_of(), overrides={"loss.contrast": 2.0})
    assert not list(tmp_path.glob("**/*.journal"))


def test_settings_that_were_lost_before_their_first_training_fail_with_a_reason(
    run: Run, tmp_path: Path, make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Losing(SimpleNamespace):
        def run(self, reader: Any, trainable: Any, job: Job, *, search_alg: Any, **_: Any) -> dict[str, str]:
            lost = {}
            while not isinstance(given := search_alg.suggest(f"trial-{len(lost)}"), str):
                lost[given["trial_id"]] = "killed due to the node running low on memory"
            return lost

    session = Losing(job=make_job(tmp_path), slots=lambda: 1, stopped=lambda: False)
    monkeypatch.setattr("sweeps.search.run.open_session", lambda *_: nullcontext(session))
    run(search_of(trials=2))
    assert [(record.state, record.steps) for record in _records(tmp_path)] == [("failed", 3)] * 2
    rows = pd.concat(pd.read_parquet(path) for path in (tmp_path / "results" / "trials").glob("*.parquet"))
    assert set(rows["trial_id"]) == {record.trial_id for record in _records(tmp_path)}
    assert set(rows["failure_kind"]) == {"out_of_memory"}


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_search_by_schedules_finds_the_best_on_val_and_confirms_it_on_fresh_seeds(run: Run, tmp_path: Path) -> None:
    outcome, text = run(search_of())
    assert (outcome.exit_code, outcome.interrupted) == (0, False), text
    records = _records(tmp_path)
    assert [record.number for record in records] == list(range(12))
    assert records[0].params == {"loss.sdm": 0.1, "loss.contrast": 0.5}
    assert {record.state for record in records} == {"complete", "pruned"}
    assert records[0].state == "complete"
    assert _states(tmp_path) == {
        "COMPLETE": sum(record.state == "complete" for record in records),
        "PRUNED": sum(record.state == "pruned" for record in records),
    }
    # A complete schedule of 3 steps for each, one of 9 for those that went on, and nothing of test cases.
    assert all([t.steps for t in r.trials] == ([3, 9] if r.state == "complete" else [3]) for r in records)
    searched = {trial.id for record in records for trial in record.trials}
    assert not [trial for trial in searched if (tmp_path / "trials" / trial / "tested.txt").exists()]
    assert {_statuses(tmp_path)[trial] for trial in searched} == {"validated"}

    content = yaml.safe_load((tmp_path / "sweeps" / "mine" / "sweep.yaml").read_text())
    best = max((r for r in records if r.state == "complete"), key=lambda r: r.value or 0)
    assert content["search"]["best"]["set"] == best.params
    assert [variant["name"] for variant in content["variants"]] == ["default", "best found"]
    assert [trial["seed"] for trial in content["variants"][0]["trials"]] == [1, 2]
    confirmed = [trial["id"] for variant in content["variants"] for trial in variant["trials"]]
    assert all((tmp_path / "trials" / trial / "tested.txt").read_text() == "test" for trial in confirmed)
    # The test cases of this engine like what the val cases don't.
    assert "The gain has vanished: keep the base's own settings." in " ".join(text.split())
    assert "best found" in text

    again, _ = run(search_of())
    assert (again.ran, again.exit_code) == (0, 0)


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_search_by_truncation_stops_trials_that_others_can_continue(run: Run, tmp_path: Path) -> None:
    outcome, text = run(search_of(fidelity="truncate", rungs=[0.5], confirm_seeds=0))
    assert outcome.exit_code == 0, text
    pruned = [record for record in _records(tmp_path) if record.state == "pruned"]
    assert pruned
    statuses = _statuses(tmp_path)
    for record in pruned:
        (trial,) = record.trials
        assert statuses[trial.id] == "stopped"
        folder = tmp_path / "trials" / trial.id
        assert len((folder / "steps.txt").read_text().split()) == 4
        assert (folder / "checkpoint" / "last.pt").exists()
        assert record.value == pytest.approx(record.rungs[4])


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_all_trainings_of_a_search_share_one_arithmetic_also_where_it_goes_on_later(
    dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()

    def train(config: Any, dataset: Path, trial_dir: Path, *, precision: str, **others: Any) -> Any:
        outcome = engine.train(config, dataset, trial_dir, **others)
        (trial_dir / "environment.json").write_text(json.dumps({"precision": precision}))
        return outcome

    def search(settings: int, fast: bool) -> str:
        monkeypatch.setattr("simcvd.training.precision.has_fast_bfloat16", lambda device: fast)
        out, with_notes = io.StringIO(), Engine(train, engine.evaluate)
        run_search(
            asked(search_of(), dataset, tmp_path, max_trials=settings), console=Console(file=out), engine=with_notes
        )
        return " ".join(out.getvalue().split())

    assert "All trials run" not in search(2, fast=False)
    tried = len(list((tmp_path / "trials").iterdir()))
    assert f"since {tried} trial(s) of this sweep ran in float32 before" in search(4, fast=True)
    files = list((tmp_path / "trials").glob("*/environment.json"))
    assert len(files) > tried
    assert {json.loads(path.read_text())["precision"] for path in files} == {"float32"}


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_settings_that_fail_are_told_apart_from_those_that_do_badly(run: Run, tmp_path: Path) -> None:
    sweep = search_of(confirm_seeds=0).model_copy()
    wide = SweepFile.model_validate(
        sweep.model_dump(exclude_none=True, exclude={"search"}) | {"search": {"loss.sdm": {"uniform": [0.05, 1.0]}}}
    )
    outcome, text = run(wide)
    failed = [record for record in _records(tmp_path) if record.state == "failed"]
    assert failed
    assert outcome.exit_code == 1
    assert all(record.params["loss.sdm"] >= 0.7 for record in failed)
    assert _states(tmp_path)["FAIL"] == len(failed)
    assert f"{len(failed)} failed" in text


COMMAND = """
import pickle, sys
from pathlib import Path
from sweeps.request import SweepRequest
from sweeps.search.run import run_search
sweep, dataset, runs, engine = pickle.loads(Path(sys.argv[1]).read_bytes())
sys.exit(run_search(SweepRequest(sweep, dataset, runs), engine=engine).exit_code)
"""


def _in_second_training(runs: Path) -> bool:
    return any(record.state == "running" and len(record.trials) == 2 for record in _records(runs))


def _cut_off_draws(runs: Path) -> set[int]:
    trials = _asked(runs)
    full = max(len(trial.params) for trial in trials)
    return {
        trial.number for trial in trials if trial.state is optuna.trial.TrialState.FAIL and len(trial.params) < full
    }


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_killed_search_goes_on_where_it_was(
    run: Run, dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine], wait: Callable[..., None]
) -> None:
    from ray import cloudpickle

    runs = tmp_path / "runs"
    sweep = search_of(trials=6, confirm_seeds=0)
    (tmp_path / "job.pkl").write_bytes(cloudpickle.dumps((sweep, dataset, runs, make_engine(0.3))))
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path / "job.pkl")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # One is done, and another one has passed its rung.
    wait(lambda: any(record.state != "running" for record in _records(runs)) and _in_second_training(runs))
    command.send_signal(signal.SIGKILL)
    command.wait()
    before = {record.number: record for record in _records(runs)}
    outcome, text = run(sweep, runs=runs)
    assert outcome.exit_code == 0, text
    after = {record.number: record for record in _records(runs)}
    assert len(after) == 6
    # A number is passed over only where the command was killed while its setting was being drawn.
    cut_off = _cut_off_draws(runs)
    assert set(range(max(after) + 1)) - set(after) == cut_off
    for number, record in before.items():
        assert after[number].params == record.params
        if record.state != "running":
            assert after[number] == record
    for record in after.values():
        for trial in record.trials:
            steps = (runs / "trials" / trial.id / "steps.txt").read_text().split()
            assert len(steps) <= trial.steps + 1  # the step that was cut off may be done again
    assert sum(_states(runs).values()) == 6 + len(cut_off)


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_another_search_of_the_same_name_moves_the_first_aside_and_finds_it_again(run: Run, tmp_path: Path) -> None:
    run(search_of(trials=3, confirm_seeds=0))
    first = _records(tmp_path)
    run(search_of(trials=3, confirm_seeds=0, reduction=2.0))
    assert _records(tmp_path)[0].trials == first[0].trials
    outcome, _ = run(search_of(trials=3, confirm_seeds=0))
    assert outcome.ran == 0
    assert _records(tmp_path) == first
    assert json.loads((tmp_path / "sweeps" / "mine" / "search" / "identity.json").read_text())

"""Whole sweeps in an object store, on a local Ray."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from analysis.runs.records import read_cases
from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.request import SweepRequest
from sweeps.resources.request import ResourceRequest
from sweeps.runner import SweepOutcome, run_sweep
from sweeps.storage.attempt.stored import trial_files
from sweeps.storage.lease import Held, Pace, claim
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store
from sweeps.trial.engine import Engine
from tests.asked import asked

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

MakeEngine = Callable[..., Engine]
Run = Callable[..., tuple[SweepOutcome, str]]


def _sweep(values: list[float], steps: int = 5, **content: Any) -> SweepFile:
    base = {"base": {"training.steps": steps}, "reference": f"sdm={values[0]}"}
    return SweepFile.model_validate({"name": "mine", "axes": {"loss.sdm": values}} | base | content)


@pytest.fixture(scope="module")
def _ray(s3: str) -> Iterator[None]:
    import ray

    from sweeps.resources.ray_session import ray_session

    ray.shutdown()  # one that an earlier module has left open does not know the server
    with ray_session(None):
        yield


@pytest.fixture
def run(dataset: Path, store: Store, tmp_path: Path, make_engine: MakeEngine, _ray: None) -> Run:
    def call(sweep: SweepFile, runs: Path | None = None, *, step_s: float = 0.0, **options: Any):
        out = io.StringIO()
        console = Console(file=out, width=200)
        place = runs or Path(store.url)
        engine = options.pop("engine", None) or make_engine(step_s)
        request = asked(sweep, dataset, place, cache=tmp_path / "cache", **options)
        outcome = run_sweep(request, console=console, engine=engine)
        return outcome, out.getvalue()

    return call


@pytest.fixture
def mirror(store: Store, tmp_path: Path) -> Path:
    return ObjectRuns(store, tmp_path / "cache").mirror


def _steps(store: Store) -> dict[str, list[int]]:
    found = {}
    for trial in store.folders("trials"):
        if steps := trial_files(store, trial).get(f"trials/{trial}/steps.txt"):
            found[trial] = [int(line) for line in (store.read(steps.name) or b"").split()]
    return found


def test_a_sweep_in_a_store_gives_the_rows_of_one_in_a_folder(run: Run, store: Store, mirror: Path, tmp_path) -> None:
    sweep = _sweep([0.0, 0.1, 9.0])
    expected, _ = run(sweep, tmp_path / "runs")
    outcome, text = run(sweep)
    print(text)
    states = ["finished", "finished", "failed"]
    assert [row.trial.state for row in outcome.state.rows] == states
    assert [row.trial.state for row in expected.state.rows] == states
    assert (outcome.ran, outcome.exit_code) == (3, 1)
    pd.testing.assert_frame_equal(read_cases(mirror), read_cases(tmp_path / "runs"))
    table = (tmp_path / "runs" / "sweeps" / "mine" / "tables" / "table.md").read_bytes()
    assert store.read("sweeps/mine/tables/table.md") == table
    assert store.read("sweeps/mine/sweep.yaml")
    trials = [row.planned.id for row in outcome.state.rows]
    for trial in trials[:2]:
        assert f"trials/{trial}/student.safetensors" in trial_files(store, trial)
        assert store.has(f"results/masks/{trial}.h5")
        assert not any("/checkpoint/" in name for name in store.entries(f"trials/{trial}"))
    assert f"trials/{trials[2]}/failure.txt" in trial_files(store, trials[2])
    assert store.entries("live") == {}
    assert list(ObjectRuns(store, tmp_path / "cache").workspaces.iterdir()) == []
    names = store.entries("")
    assert {name.split("/")[0] for name in names} == {"datasets", "results", "sweeps", "trials"}
    assert not [name for name in names if "/ray/" in name or b"a-secret" in (store.read(name) or b"")]

    computed = _steps(store)
    outcome, _ = run(sweep)
    assert (outcome.ran, outcome.exit_code) == (0, 1)
    outcome, _ = run(sweep, retry_failed=True)
    assert (outcome.ran, outcome.exit_code) == (1, 1)
    again = _steps(store)
    assert [len(again[trial]) - len(computed[trial]) for trial in trials] == [0, 0, 2]


def test_another_machine_goes_on_where_a_time_budget_ended(run: Run, store: Store, tmp_path: Path) -> None:
    sweep = _sweep([0.0, 0.1], steps=40)
    outcome, _ = run(sweep, step_s=0.4, time_s=10)
    assert (outcome.exit_code, outcome.interrupted) == (130, True)
    (tmp_path / "cache").rename(tmp_path / "lost")
    outcome, _ = run(sweep)
    assert outcome.exit_code == 0
    assert all(steps == list(range(1, 41)) for steps in _steps(store).values())


def test_a_sweep_that_another_command_runs_is_refused(run: Run, store: Store) -> None:
    pace = Pace(0.2, 30)
    with (
        Held(store, claim(store, "sweeps/mine"), pace),
        pytest.raises(
            UserError, match="The sweep mine is being run by another command; wait for it to end, or stop it"
        ),
    ):
        run(_sweep([0.0, 0.1]))


def test_two_workers_share_a_trial_and_the_first_pushes(run: Run, store: Store) -> None:
    outcome, text = run(_sweep([0.0]), resources=ResourceRequest(workers=2))
    assert outcome.exit_code == 0, text
    (steps,) = _steps(store).values()
    assert steps == list(range(1, 6))  # the other worker's are in its own folder
    assert list(store.entries("results/trials")) != []


def test_a_killed_trial_goes_on_from_what_it_had(run: Run, store: Store, make_engine: MakeEngine, tmp_path) -> None:
    engine = make_engine()
    killed = tmp_path / "killed"

    def train(config, dataset, trial_dir, *, report, **others):
        import os
        import signal

        def report_or_die(line):
            if line["step"] == 5 and config.loss.sdm == 0.1 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        return engine.train(config, dataset, trial_dir, report=report_or_die, **others)

    outcome, text = run(_sweep([0.0, 0.1], steps=8), engine=Engine(train, engine.evaluate))
    assert outcome.exit_code == 0, text
    assert killed.exists()
    assert all(steps == list(range(1, 9)) for steps in _steps(store).values())


COMMAND = """
import pickle, sys
from pathlib import Path
from sweeps.runner import run_sweep
request, engine = pickle.loads(Path(sys.argv[1]).read_bytes())
sys.exit(run_sweep(request, engine=engine).exit_code)
"""


def test_a_killed_command_goes_on(
    store: Store, tmp_path: Path, make_engine: MakeEngine, dataset: Path, wait, gate
) -> None:
    from ray import cloudpickle

    engine, hold = make_engine(), gate.fault(5, sdm=0.2)

    def train(config, dataset, trial_dir, *, report, **others):
        def held(line):
            hold(config, trial_dir, line["step"])

        return engine.train(config, dataset, trial_dir, report=held, **others)

    request = SweepRequest(
        _sweep([0.0, 0.1, 0.2], steps=8),
        dataset,
        Path(store.url),
        resources=ResourceRequest(max_concurrent=1),
        cache=tmp_path / "cache",
    )
    (tmp_path / "given").write_bytes(cloudpickle.dumps((request, Engine(train, engine.evaluate))))
    command = [sys.executable, "-c", COMMAND, str(tmp_path / "given")]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        wait(lambda: process.poll() is not None or (bool(gate.held) and len(store.entries("results/trials")) == 2))
        assert process.poll() is None
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = {name: entry.tag for name, entry in store.entries("results").items()}
    gate.open()
    assert subprocess.run(command, timeout=240, check=False).returncode == 0
    assert {name: store.entries("results")[name].tag for name in done} == done
    assert sorted(_steps(store).values()) == [list(range(1, 9))] * 3

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from simcvd.errors import UserError
from sweeps.definition import SweepFile
from sweeps.execute import Engine
from sweeps.plan import plan_sweep
from sweeps.preflight import ResourceRequest
from sweeps.runner import SweepOutcome, run_sweep
from sweeps.trial_state import trial_lock

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)

MakeEngine = Callable[..., Engine]
Run = Callable[..., tuple[SweepOutcome, str]]


def _sweep(values: list[float], key: str = "loss.sdm", steps: int = 5, **content: Any) -> SweepFile:
    name = key.rsplit(".", 1)[-1]
    base = {"base": {"training.steps": steps}, "reference": f"{name}={values[0]}"}
    return SweepFile.model_validate({"name": "mine", "axes": {key: values}} | base | content)


def _steps(runs: Path) -> dict[str, list[int]]:
    """Steps that each trial computed, over all sessions."""
    files = (runs / "trials").glob("*/steps.txt")
    return {path.parent.name: [int(line) for line in path.read_text().split()] for path in files}


def _wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def ray_started() -> Iterator[None]:
    from sweeps.ray_session import ray_session

    with ray_session(None):
        yield


@pytest.fixture
def run(dataset: Path, tmp_path: Path, make_engine: MakeEngine) -> Run:
    def call(
        sweep: SweepFile, *, step_s: float = 0.0, runs: Path = tmp_path, **options: Any
    ) -> tuple[SweepOutcome, str]:
        out = io.StringIO()
        console = Console(file=out, width=100)
        outcome = run_sweep(sweep, dataset, runs, console=console, engine=make_engine(step_s), **options)
        return outcome, out.getvalue()

    return call


def test_a_plan_leaves_out_what_is_over_and_writes_nothing(dataset: Path, tmp_path: Path) -> None:
    plan = plan_sweep(_sweep([0.0, 0.1], seeds=[0, 1]), dataset, tmp_path, seeds=[0])
    assert [trial.variant for trial in plan.pending] == ["sdm=0.0", "sdm=0.1"]
    assert plan.pending[0].config.data.crop_vox == (32, 32, 32)  # the data set's own preset
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_that_another_command_runs_is_refused(run: Run, tmp_path: Path) -> None:
    with (
        trial_lock(tmp_path / "sweeps" / "mine"),
        pytest.raises(UserError, match="mine is being run by another command"),
    ):
        run(_sweep([0.0, 0.1]))


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
def test_a_sweep_runs_records_failures_and_skips_all_of_it_the_second_time(run: Run, tmp_path: Path) -> None:
    sweep = _sweep([0.0, 0.1, 9.0, 7.0])
    outcome, text = run(sweep)
    assert [row.trial.state for row in outcome.state.rows] == ["finished", "finished", "failed", "failed"]
    assert (outcome.ran, outcome.exit_code, outcome.interrupted) == (4, 1, False)
    assert "sdm=9.0 seed 0: failed (nan): The loss term sdm is nan at step 3." in text
    tables = tmp_path / "sweeps" / "mine" / "tables"
    assert "sdm=0.1" in (tables / "table.md").read_text()
    assert "sdm=0.1" in (tables / "table.csv").read_text()
    assert not (tmp_path / "sweeps" / "mine" / "ray").exists()
    computed = _steps(tmp_path)

    outcome, text = run(sweep)
    assert (outcome.ran, outcome.exit_code) == (0, 1)
    assert _steps(tmp_path) == computed

    outcome, _ = run(sweep, retry_failed=True)
    assert (outcome.ran, outcome.exit_code) == (2, 1)
    again = _steps(tmp_path)
    assert {len(again[trial]) - len(computed[trial]) for trial in computed if "s0" in trial} == {0, 2}


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
def test_a_sweep_of_several_metrics_ends_with_all_of_them_in_one_table(run: Run, tmp_path: Path) -> None:
    sweep = _sweep([0.0, 0.1], also=["jaccard", "hd95_vox"])
    outcome, text = run(sweep, overrides={"training.steps": 4})
    assert outcome.exit_code == 0
    assert "where a variant does not set it itself: training.steps=4." in text
    assert "mine: Dice, Jaccard and HD95 on test cases of boxes, reference sdm=0.0" in text
    tables = tmp_path / "sweeps" / "mine" / "tables"
    assert str(tables / "overview.md") in text.replace("\n", "")
    assert "beside them: table.md, table-jaccard.md, table-hd95_vox.md" in text
    stems = ("overview", "table", "table-hd95_vox", "table-jaccard")
    assert sorted(file.name for file in tables.iterdir()) == sorted(
        f"{s}.{kind}" for s in stems for kind in ("md", "csv")
    )


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
def test_a_warm_trial_costs_less_than_a_second(run: Run, tmp_path: Path) -> None:
    run(_sweep([0.1 * i for i in range(8)]))
    ended = sorted(path.stat().st_mtime for path in (tmp_path / "results" / "trials").iterdir())
    each = (ended[-1] - ended[1]) / 6  # without the first of each of two actors
    print(f"overhead of a warm trial: {each:.2f} s")
    assert each < 1


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
def test_a_killed_worker_costs_no_finished_step(run: Run, tmp_path: Path) -> None:
    import json
    import threading

    def kill() -> None:
        _wait(lambda: any(len(steps) > 5 for steps in _steps(tmp_path).values()))
        trial = next(name for name, steps in _steps(tmp_path).items() if len(steps) > 5)
        os.kill(json.loads((tmp_path / "trials" / trial / "lock").read_text())["pid"], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome, _ = run(_sweep([0.0, 0.1, 0.2], steps=20), step_s=0.2)
    killer.join()
    assert outcome.exit_code == 0
    for steps in _steps(tmp_path).values():
        assert set(steps) == set(range(1, 21))
        assert len(steps) <= 21  # the step that was cut off may be done again


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
def test_a_time_budget_ends_resumable(run: Run, tmp_path: Path) -> None:
    sweep = _sweep([0.0, 0.1, 0.2, 0.3], steps=40)
    outcome, _ = run(sweep, step_s=0.5, time_budget_s=8)
    assert (outcome.exit_code, outcome.interrupted) == (130, True)
    counts = outcome.state.counts
    assert counts["finished"] == counts["failed"] == 0
    outcome, _ = run(sweep)
    assert outcome.exit_code == 0
    assert all(steps == list(range(1, 41)) for steps in _steps(tmp_path).values())


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
def test_what_can_never_fit_is_refused_before_anything_starts(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is room for"):
        run(_sweep([0.0, 0.1]), request=ResourceRequest(cpus_per_worker=10_000))
    assert not (tmp_path / "trials").exists()


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
def test_two_workers_share_a_trial_and_one_of_them_writes(run: Run, tmp_path: Path) -> None:
    outcome, _ = run(_sweep([0.0]), request=ResourceRequest(workers=2))
    assert outcome.exit_code == 0
    assert sorted(next(iter(_steps(tmp_path).values()))) == sorted([*range(1, 6), *range(1, 6)])  # both trained
    assert len(list((tmp_path / "results" / "trials").iterdir())) == 1


COMMAND = """
import pickle, sys
from pathlib import Path
from sweeps.runner import run_sweep
sweep, dataset, runs, engine = pickle.loads(Path(sys.argv[1]).read_bytes())
try:
    sys.exit(run_sweep(sweep, dataset, runs, engine=engine).exit_code)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def start(dataset: Path, tmp_path: Path, make_engine: MakeEngine) -> Callable[..., subprocess.Popen[str]]:
    """Start a sweep as a command of its own, with its own Ray."""

    def call(sweep: SweepFile, step_s: float) -> subprocess.Popen[str]:
        from ray import cloudpickle

        (tmp_path / "job.pkl").write_bytes(cloudpickle.dumps((sweep, dataset, tmp_path / "runs", make_engine(step_s))))
        here = str(Path(__file__).parents[2])
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(tmp_path / "job.pkl")],
            env=os.environ | {"PYTHONPATH": here},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return call


@pytest.mark.ray
@pytest.mark.usefixtures("ray_started")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_was_ended_in_the_middle_continues(
    start: Callable[..., subprocess.Popen[str]], run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    runs = tmp_path / "runs"
    sweep = _sweep([0.0, 0.1, 0.2, 0.3], steps=20)
    with start(sweep, 0.3) as command:
        _wait(lambda: len(list(runs.glob("results/trials/*"))) >= 2)
        _wait(lambda: any(3 < len(steps) < 15 for steps in _steps(runs).values()))
        (os.killpg if number == signal.SIGINT else os.kill)(command.pid, number)
        text = command.communicate(timeout=60)[0]
    assert command.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), text
    assert "Traceback" not in text
    before = _steps(runs)
    outcome, text = run(sweep, runs=runs)
    assert outcome.exit_code == 0, text
    assert "2 of 4 finished" in text
    assert outcome.ran == 2
    after = _steps(runs)
    assert sum(map(len, before.values())) < 80
    for steps in after.values():
        assert set(steps) == set(range(1, 21))
        assert len(steps) <= 21  # a step that was cut off may be done again

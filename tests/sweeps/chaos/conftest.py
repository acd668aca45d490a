"""What the chaos tests share: an engine whose scores depend on every step done, one Ray, and the undisturbed sweep."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from sweeps.definition import SweepFile
from sweeps.execute import Engine
from sweeps.preflight import ResourceRequest
from sweeps.runner import SweepOutcome, run_sweep

STEPS = 8
RAY_ATTEMPTS = 3
"""Ray gives up when it is not there after 30 s, which a busy machine may need."""

Fault = Callable[[TrialConfig, Path, int], None]
"""Violence before a step: gets the trial's settings, its folder and the step."""

COMMAND = """
import pickle, sys
from pathlib import Path
from simcvd.errors import UserError
from sweeps.runner import run_sweep
job = pickle.loads(Path(sys.argv[1]).read_bytes())
try:
    sys.exit(run_sweep(**job).exit_code)
except UserError as error:
    print(f"Error: {error}")
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)
"""


class Ended(NamedTuple):
    """How a command ended: its exit code and what it printed."""

    code: int
    text: str


@pytest.fixture(scope="session")
def make_chain() -> Callable[..., Engine]:
    """Return a factory of engines whose weights are a chain of digests over settings and steps.

    A step that is lost, done twice from one state or done in another trial changes weights and all scores. Closures, so
    that Ray's workers need not import this file. Steps done are appended to `steps.txt` in the trial's folder.
    """

    def make(fault: Fault | None = None) -> Engine:
        def digest(*parts):
            import hashlib

            return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()

        def score(weights, case_id):
            from types import SimpleNamespace

            dice = int(digest(weights, case_id)[:8], 16) / 2**32
            names = ("hd95_vox", "asd_vox", "assd_vox", "hd95_mm", "asd_mm", "assd_mm")
            sizes = {"predicted_voxels": 60, "reference_voxels": 64}
            empty = {"empty_prediction": False, "empty_reference": False}
            named = {"case_id": case_id, "class_id": 1, "class_name": "box"}
            distances = {name: 10 * (1 - dice) + index for index, name in enumerate(names)}
            return SimpleNamespace(dice=dice, jaccard=dice / (2 - dice), **named, **distances, **sizes, **empty)

        def train(config, dataset, trial_dir, *, should_stop, **others):
            import json
            from types import SimpleNamespace

            from simcvd.training.interruption import Interrupted

            checkpoint = trial_dir / "checkpoint" / "last.pt"
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            (trial_dir / "environment.json").write_text(json.dumps({"device": "cpu"}))
            done, weights = 0, digest(config)
            if checkpoint.exists():
                state = json.loads(checkpoint.read_text())
                done, weights = state["done"], state["weights"]
            steps = config.training.steps
            for step in range(done + 1, steps + 1):
                if fault is not None:
                    fault(config, trial_dir, step)
                weights = digest(weights, step)
                line = {"step": step, "steps": steps, "seconds": 0.1 * step}
                with (trial_dir / "log.jsonl").open("a") as file:
                    file.write(json.dumps(line) + "\n")
                with (trial_dir / "steps.txt").open("a") as file:
                    file.write(f"{step}\n")
                state = {"done": step, "weights": weights, "padding": "." * 20_000}
                checkpoint.with_name("last.pt.tmp-1").write_text(json.dumps(state))
                checkpoint.with_name("last.pt.tmp-1").replace(checkpoint)
                if should_stop() and step < steps:
                    raise Interrupted(f"Stopped after step {step}.")
            (trial_dir / "student.safetensors").write_text(weights)
            return SimpleNamespace(steps=steps, seconds=0.1 * steps, val_scores=[score(weights, "case2")])

        def evaluate(trial_dir, dataset, split, *, device, on_case):
            import numpy as np

            weights = (trial_dir / "student.safetensors").read_text()
            cases = [f"case{index}" for index in (3, 4, 5)]
            for case in cases:
                on_case(case, np.frombuffer(digest(weights, case).encode()[:24], np.uint8).reshape(2, 3, 4))
            return [score(weights, case) for case in cases]

        return Engine(train, evaluate)

    return make


@pytest.fixture(scope="session")
def make_sweep() -> Callable[..., SweepFile]:
    """Return a factory of sweeps over `loss.sdm`, with two seeds."""

    def make(*values: float, name: str = "mine") -> SweepFile:
        values = values or (0.1, 0.2)
        content: dict[str, Any] = {"name": name, "axes": {"loss.sdm": list(values)}, "reference": f"sdm={values[0]}"}
        return SweepFile.model_validate(content | {"base": {"training.steps": STEPS}, "seeds": [0, 1]})

    return make


@pytest.fixture(scope="session")
def shared_ray() -> Iterator[str]:
    """One Ray for all tests that need none of their own; its address, for commands that join it."""
    import ray

    from sweeps.ray_session import ray_session

    with ExitStack() as session:
        for attempt in range(1, RAY_ATTEMPTS + 1):
            try:
                session.enter_context(ray_session(None))
                break
            except UserError:
                if attempt == RAY_ATTEMPTS:
                    raise
        yield ray.get_runtime_context().gcs_address


@pytest.fixture
def run(dataset: Path, tmp_path: Path, shared_ray: str) -> Callable[..., tuple[SweepOutcome, str]]:
    """Run a sweep in this process, on the shared Ray."""

    def call(
        sweep: SweepFile, engine: Engine | None, runs: Path = tmp_path / "runs", **options: Any
    ) -> tuple[SweepOutcome, str]:
        out = io.StringIO()
        options = {"dataset": dataset, "engine": engine} | options
        outcome = run_sweep(sweep, runs=runs, console=Console(file=out, width=100), **options)
        return outcome, out.getvalue()

    return call


@pytest.fixture(scope="session")
def undisturbed(
    dataset: Path,
    tmp_path_factory: pytest.TempPathFactory,
    make_chain: Callable[..., Engine],
    shared_ray: str,
) -> Callable[[SweepFile], Path]:
    """Return the runs folder of a sweep that nothing disturbed."""
    known: dict[str, Path] = {}

    def runs_of(sweep: SweepFile) -> Path:
        key = sweep.model_dump_json()
        if key not in known:
            runs = tmp_path_factory.mktemp("undisturbed")
            outcome = run_sweep(sweep, dataset, runs, console=Console(file=io.StringIO()), engine=make_chain())
            assert outcome.exit_code == 0
            known[key] = runs
        return known[key]

    return runs_of


@pytest.fixture(scope="session")
def same_files() -> Callable[..., None]:
    """Assert that a sweep's results are those of another runs folder, file by file, and that nothing else is left."""

    def rows(path: Path) -> Any:
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        return table.drop_columns([name for name in ("seconds", "device") if name in table.column_names])

    def masks(path: Path) -> dict[str, Any]:
        import h5py

        with h5py.File(path) as file:
            return {case: file[case][:].tolist() for case in file}

    def content(path: Path) -> Any:
        return (masks if path.suffix == ".h5" else rows)(path)

    def compare(runs: Path, other: Path, sweep: SweepFile, weights: Callable[[Path], Any] = Path.read_bytes) -> None:
        for part in ("results", f"sweeps/{sweep.name}/tables"):
            ours, theirs = (_files(folder / part) for folder in (runs, other))
            assert ours.keys() == theirs.keys()
            read = content if part == "results" else Path.read_bytes
            assert len(ours) > 0
            for name in ours:
                assert read(ours[name]) == read(theirs[name]), name
        for trial in (other / "trials").iterdir():
            ours, theirs = (weights(folder / "trials" / trial.name / "student.safetensors") for folder in (runs, other))
            assert ours == theirs, trial.name
            assert not list((runs / "trials" / trial.name).glob("hang*"))
            assert not list((runs / "trials" / trial.name).glob("*.tmp-*"))
            assert not (runs / "trials" / trial.name / "checkpoint").exists()
        assert not (runs / "sweeps" / sweep.name / "ray").exists()

    return compare


def _files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def start(dataset: Path, tmp_path: Path, wait: Callable[..., None]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a sweep as a command of its own: with its own Ray, or on the one at `address`; what is left is killed."""
    commands: list[subprocess.Popen[str]] = []

    def begin(path: Path) -> subprocess.Popen[str]:
        command = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(path)],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        commands.append(command)
        return command

    def call(
        sweep: SweepFile,
        engine: Engine | None,
        *,
        until: Callable[[], Any] = lambda: True,
        address: str | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        from ray import cloudpickle

        job = {"sweep": sweep, "dataset": dataset, "runs": tmp_path / "runs", "engine": engine}
        job["request"] = ResourceRequest(address=address)
        path = tmp_path / f"job{len(commands)}.pkl"
        path.write_bytes(cloudpickle.dumps(job | options))
        for _ in range(RAY_ATTEMPTS):
            command = begin(path)
            wait(lambda command=command: until() or command.poll() is not None)
            if until():
                return command
            text, _ = command.communicate()
            assert "Ray can't be started" in text, text
        raise AssertionError("Ray did not come up")

    yield call
    for command in commands:
        if command.poll() is None:
            command.kill()
        command.communicate()


@pytest.fixture
def end(patience_s: float) -> Callable[[subprocess.Popen[str]], Ended]:
    """Wait for a command to end."""

    def call(command: subprocess.Popen[str]) -> Ended:
        text, _ = command.communicate(timeout=patience_s)
        return Ended(command.returncode, text)

    return call


@pytest.fixture(scope="session")
def steps_of() -> Callable[[Path], dict[str, list[int]]]:
    """Return the steps that each trial did, over all sessions."""

    def read(runs: Path) -> dict[str, list[int]]:
        files = (runs / "trials").glob("*/steps.txt")
        return {path.parent.name: [int(line) for line in path.read_text().split()] for path in files}

    return read

"""What the chaos tests share: one Ray, clusters, commands, the undisturbed sweep and the one to disturb."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.resources.request import ResourceRequest
from sweeps.runner import SweepOutcome, run_sweep
from sweeps.trial.engine import Engine
from tests.asked import asked
from tests.sweeps.chaos.chain import make_chain
from tests.sweeps.chaos.disturbed import STEPS, DisturbedSweep, Ended

RAY_ATTEMPTS = 3
"""Ray gives up when it is not there after 30 s, which a busy machine may need."""

COMMAND = """
import pickle, sys
from pathlib import Path
from simcvd.errors import UserError
from sweeps.runner import run_sweep
request, engine = pickle.loads(Path(sys.argv[1]).read_bytes())
try:
    sys.exit(run_sweep(request, engine=engine).exit_code)
except UserError as error:
    print(f"Error: {error}")
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(scope="session")
def make_sweep() -> Callable[..., SweepFile]:
    """Return a factory of sweeps over `loss.sdm`, with two seeds."""

    def make(*values: float, name: str = "mine") -> SweepFile:
        values = values or (0.1, 0.2)
        content: dict[str, Any] = {"name": name, "axes": {"loss.sdm": list(values)}, "reference": f"sdm={values[0]}"}
        return SweepFile.model_validate(content | {"base": {"training.steps": STEPS}, "seeds": [0, 1]})

    return make


@pytest.fixture(scope="session")
def open_ray() -> Iterator[Callable[[], str]]:
    """Return what gives the address of the Ray of this process: one that is there, else a new one.

    Tests that need a Ray of their own end the one that others have left open.
    """
    import ray

    from sweeps.resources.ray_session import ray_is_running, ray_session

    with ExitStack() as sessions:

        def address() -> str:
            for attempt in range(1, RAY_ATTEMPTS + 1):
                if ray_is_running():
                    break
                try:
                    sessions.enter_context(ray_session(None))
                except UserError:
                    if attempt == RAY_ATTEMPTS:
                        raise
            return str(ray.get_runtime_context().gcs_address)

        yield address


@pytest.fixture
def shared_ray(open_ray: Callable[[], str]) -> str:
    """One Ray for all tests that need none of their own; its address, for commands that join it."""
    return open_ray()


@pytest.fixture
def run(dataset: Path, tmp_path: Path, shared_ray: str) -> Callable[..., tuple[SweepOutcome, str]]:
    """Run a sweep in this process, on the shared Ray."""

    def call(
        sweep: SweepFile, engine: Engine | None, runs: Path = tmp_path / "runs", **options: Any
    ) -> tuple[SweepOutcome, str]:
        out = io.StringIO()
        options = {"dataset": dataset} | options
        request = asked(sweep, runs=runs, **options)
        outcome = run_sweep(request, console=Console(file=out, width=100), engine=engine)
        return outcome, out.getvalue()

    return call


@pytest.fixture(scope="session")
def undisturbed(
    dataset: Path,
    tmp_path_factory: pytest.TempPathFactory,
    open_ray: Callable[[], str],
) -> Callable[[SweepFile], Path]:
    """Return the runs folder of a sweep that nothing disturbed."""
    known: dict[str, Path] = {}

    def runs_of(sweep: SweepFile) -> Path:
        key = sweep.model_dump_json()
        if key not in known:
            open_ray()
            runs = tmp_path_factory.mktemp("undisturbed")
            outcome = run_sweep(asked(sweep, dataset, runs), console=Console(file=io.StringIO()), engine=make_chain())
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
            assert len(ours) > 0
            for name in ours:
                if part == "results":
                    assert content(ours[name]) == content(theirs[name]), name
                else:  # a verdict's commands name the folder
                    told = (ours[name].read_text().replace(str(runs), "RUNS"), theirs[name].read_text())
                    assert told[0] == told[1].replace(str(other), "RUNS"), name
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

        given = {"dataset": dataset, "runs": tmp_path / "runs", "resources": ResourceRequest(address=address)} | options
        path = tmp_path / f"job{len(commands)}.pkl"
        path.write_bytes(cloudpickle.dumps((asked(sweep, **given), engine)))
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


@pytest.fixture
def disturbed(
    start: Callable[..., subprocess.Popen[str]],
    run: Callable[..., tuple[SweepOutcome, str]],
    end: Callable[[subprocess.Popen[str]], Ended],
    tmp_path: Path,
    make_sweep: Callable[..., SweepFile],
    undisturbed: Callable[[SweepFile], Path],
    same_files: Callable[..., None],
) -> DisturbedSweep:
    """The sweep that most tests disturb."""
    sweep = make_sweep()
    return DisturbedSweep(sweep, tmp_path / "runs", undisturbed(sweep), start, run, end, same_files)


@pytest.fixture
def make_cluster() -> Iterator[Callable[..., Any]]:
    """Return a factory of clusters: a Ray whose head has `num_cpus`, with `system` for its own configuration."""
    from ray.cluster_utils import Cluster

    from sweeps.resources.ray_session import ray_environment

    clusters: list[Cluster] = []

    def make(num_cpus: int, **system: int) -> Cluster:
        head = {"num_cpus": num_cpus, "_system_config": system}
        clusters.append(Cluster(initialize_head=True, head_node_args=head))
        return clusters[-1]

    with ray_environment():
        yield make
        for cluster in clusters:
            cluster.shutdown()

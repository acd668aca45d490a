"""A sweep, from its file to its tables: its folder, `sweep.yaml`, its channel and all its trials."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.runs.sweep import read_sweep, sweep_names
from simcvd.data.phantom import write_phantom
from sweeps.definition.catalogue import SweepFile
from sweeps.runner import run_sweep
from tests.asked import asked
from tests.faults.conftest import Hold
from tests.faults.content import files
from tests.faults.operations import Operation
from tests.faults.replay import Scene
from tests.sweeps.chaos.chain import make_chain
from tests.without_ray import without_ray

DIFFERING = ("lock", "steps.txt", "log.jsonl")


def _sweep(*values: float) -> SweepFile:
    content = {"name": "mine", "axes": {"loss.sdm": list(values)}, "reference": "sdm=0.1", "seeds": [0]}
    return SweepFile.model_validate(content | {"base": {"training.steps": 2}})


def _records(runs: Path) -> dict[str, Any]:
    """Return all files; what is deleted a day later is passed over, as readers do."""
    found = files(runs, without=DIFFERING)
    passed = [name for name in found if name.startswith((".preflight-", "sweeps/")) and "/." in f"/{name}"]
    return {name: found[name] for name in found.keys() - passed}


def _shown(runs: Path) -> dict[str, Any]:
    """Return the tables and which trials the sweep names."""
    shown: dict[str, Any] = {str(path): path.read_bytes() for path in runs.glob("sweeps/*/tables/[!.]*")}
    for name in sweep_names(runs):
        shown[name] = read_sweep(runs, name).trial_ids
    return shown


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A phantom."""
    write_phantom(tmp_path / "data", labeled=1, unlabeled=1, val=1, test=2, shape=(16, 16, 16))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _no_ray() -> Iterator[None]:
    with without_ray():
        yield


def _steps(runs: Path) -> int:
    return sum(len(path.read_text().split()) for path in runs.glob("trials/*/steps.txt"))


def _of_the_sweep(operation: Operation) -> bool:
    """Tell whether an operation is the sweep's own, or the last ones of its trials, which it has to tidy up."""
    return operation.path.startswith(("sweeps", ".preflight")) or operation.name in {"unlink", "rmdir"}


@pytest.fixture
def scenes(dataset: Path) -> dict[str, Scene]:
    """A sweep, and one that was edited, by name."""

    def run(*values: float) -> Any:
        def sweep(runs: Path) -> None:
            outcome = run_sweep(
                asked(_sweep(*values), dataset, runs), console=Console(file=io.StringIO()), engine=make_chain()
            )
            assert outcome.exit_code == 0, [(row.planned.id, row.trial.state) for row in outcome.state.rows]

        return sweep

    def scene(**more: Any) -> Scene:
        return Scene(records=_records, shown=_shown, of=_of_the_sweep, work=_steps, most_again=1, **more)

    return {"new": scene(run=run(0.1, 0.2)), "edited": scene(run=run(0.1, 0.3), begin=run(0.1, 0.2))}


@pytest.mark.parametrize("most", [4, pytest.param(50, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("name", ["new", "edited"])
def test_a_sweep_comes_to_the_same_records_whatever_its_files_met(
    name: str, most: int, scenes: dict[str, Scene], hold: Hold
) -> None:
    hold(scenes[name], f"pytest tests/faults/test_sweep.py -k {name}-", most)

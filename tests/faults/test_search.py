"""A search, from its space to its best settings: the journal of the study, `NUMBER.json` and rungs."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.runs.tried_setting import read_settings
from simcvd.data.phantom import write_phantom
from sweeps.definition.sweep_file import SweepFile
from sweeps.search.run import run_search
from tests.asked import asked
from tests.faults.conftest import Hold
from tests.faults.content import files
from tests.faults.operations import Operation
from tests.faults.replay import Scene
from tests.sweeps.chaos.chain import make_chain
from tests.without_ray import without_ray

DIFFERING = ("lock", "steps.txt", "log.jsonl", "study.journal")


def _search() -> SweepFile:
    return SweepFile.model_validate(
        {
            "name": "mine",
            "base": {"preset": "phantom", "training.steps": 2},
            "search": {"loss.sdm": {"uniform": [0.0, 0.6]}},
            "strategy": {"trials": 3, "confirm_seeds": 1, "fidelity": "schedule", "rungs": [0.5]},
        }
    )


def _records(runs: Path) -> dict[str, Any]:
    """Return all files; what is deleted a day later is passed over, as readers do."""
    found = files(runs, without=DIFFERING)
    passed = [name for name in found if name.startswith((".preflight-", "sweeps/")) and "/." in f"/{name}"]
    return {name: found[name] for name in found.keys() - passed}


def _shown(runs: Path) -> dict[str, Any]:
    """Return the settings that are over."""
    settings = read_settings(runs / "sweeps" / "mine" / "search")
    return {str(each.number): each for each in settings if each.state != "running"}


def _steps(runs: Path) -> int:
    return sum(len(path.read_text().split()) for path in runs.glob("trials/*/steps.txt"))


def _of_the_search(operation: Operation) -> bool:
    return operation.path.startswith("sweeps/") and "/ray/" not in operation.path


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A search over one weight: three settings, compared after one of two steps, the best one on one more seed."""
    dataset = tmp_path / "data"
    write_phantom(dataset, labeled=1, unlabeled=1, val=1, test=2, shape=(16, 16, 16))

    def run(runs: Path) -> None:
        outcome = run_search(asked(_search(), dataset, runs), console=Console(file=io.StringIO()), engine=make_chain())
        assert outcome.exit_code == 0, [(row.planned.id, row.trial.state) for row in outcome.state.rows]

    with without_ray():
        yield Scene(run, _records, _shown, of=_of_the_search, work=_steps, most_again=1)


@pytest.mark.parametrize("most", [3, pytest.param(50, marks=pytest.mark.slow)], ids=["some", "many"])
def test_a_search_comes_to_the_same_records_whatever_its_files_met(most: int, scene: Scene, hold: Hold) -> None:
    hold(scene, "pytest tests/faults/test_search.py", most)

"""`simcvd prepare` of a small folder of NIfTI files: its cases, its journal, its plan, `dataset.json`."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Self

import nibabel
import numpy as np
import pytest

from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.store import case_digest, open_info
from tests.faults.conftest import Hold
from tests.faults.content import files
from tests.faults.replay import Scene

DIFFERING = ("lock", "journal.jsonl")


def _write_source(folder: Path) -> None:
    """Write four scans of 12 x 14 x 10 voxels, three of them with a label."""
    label = np.zeros((12, 14, 10), np.uint8)
    label[3:6, 4:9, 2:7] = 1
    for number, name in enumerate("abcd"):
        image = np.random.default_rng(number).normal(100, 20, label.shape).astype(np.float32)
        for part, array in (("imagesTr", image), ("labelsTr", label)):
            if part == "imagesTr" or name != "d":
                (folder / part).mkdir(parents=True, exist_ok=True)
                nibabel.save(nibabel.Nifti1Image(array, np.diag([1, 1, 2.5, 1])), folder / part / f"{name}.nii")


def _shown(folder: Path) -> dict[str, Any]:
    """Return the finished data set, as trainings read it: with what its case files hold now."""
    target = folder / "data"
    if not (target / "dataset.json").exists():
        return {}
    info = open_info(target)
    found = {case_id: case_digest(target, case_id) for case_id in info.digests}
    return {"digest": info.digest, "cases": found, "right": found == info.digests}


def _records(folder: Path) -> dict[str, Any]:
    """Return all files, halves that a kill left too."""
    return files(folder, without=DIFFERING)


class _OneByOne:
    """Stands in for a pool of threads: makes each case when its turn comes, so that operations come in one order."""

    def __init__(self, max_workers: int) -> None:
        self.map = map

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *given: object) -> None:
        pass

    def submit(self, make: Callable[..., Any], *given: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.make = partial(make, *given)  # type: ignore[attr-defined]
        return future

    def shutdown(self, cancel_futures: bool = False) -> None:
        pass


def _in_turn(futures: Iterable[Any]) -> Iterator[Any]:
    for future in futures:
        try:
            future.set_result(future.make())
        except Exception as error:
            future.set_exception(error)
        yield future


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A preparation of four cases."""
    _write_source(tmp_path)
    monkeypatch.setattr("simcvd.data.preparation.cases.ThreadPoolExecutor", _OneByOne)
    monkeypatch.setattr("simcvd.data.preparation.cases.as_completed", _in_turn)

    def run(folder: Path) -> None:
        prepare_nifti(tmp_path, folder / "data", PrepareOptions(val=1, test=1, workers=1))

    return Scene(run, _records, _shown)


@pytest.mark.parametrize("most", [8, pytest.param(120, marks=pytest.mark.slow)], ids=["some", "many"])
def test_a_preparation_comes_to_the_same_data_set_whatever_its_files_met(most: int, scene: Scene, hold: Hold) -> None:
    hold(scene, "pytest tests/faults/test_prepare.py", most)

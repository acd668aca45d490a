import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.data.inspection import inspect
from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.prepare import PrepareOptions
from simcvd.data.store import case_path


@pytest.fixture
def folder(nifti: Callable[..., Any], tmp_path: Path) -> Path:
    prepare_nifti(nifti(6, unlabeled=1).path, tmp_path / "set", PrepareOptions(labeled=2, val=1, test=1))
    return tmp_path / "set"


def test_sound_data_set_is_described(folder: Path) -> None:
    report = inspect(folder)
    assert report.problems == ()
    assert report.counts == {"train_labeled": 2, "train_unlabeled": 3, "val": 1, "test": 1}
    assert report.shape_median == (12, 14, 10)
    assert [(c.name, c.cases, c.mean_voxels, c.mean_ml) for c in report.classes] == [
        ("class_1", 2, 75, pytest.approx(0.1875)),
        ("class_2", 2, 75, pytest.approx(0.1875)),
    ]
    assert report.lines()[-1] == "sound"
    assert json.loads(json.dumps(report.to_dict()))["counts"]["test"] == 1


def test_changed_missing_and_truncated_cases_are_told(folder: Path) -> None:
    changed, missing, short = (case_path(folder, case_id) for case_id in "abf")
    content = bytearray(changed.read_bytes())
    content[4096] ^= 255
    changed.write_bytes(content)
    missing.unlink()
    short.write_bytes(short.read_bytes()[:5000])
    problems = inspect(folder).problems
    assert [p for p in problems if "Case a is not what was prepared" in p]
    assert [p for p in problems if "b.h5 is missing" in p]
    assert [p for p in problems if "f.h5 is truncated" in p]
    assert not [p for p in inspect(folder, verify=False).problems if "Case a " in p]
    assert inspect(folder).lines()[-1].startswith("PROBLEM")


def test_class_without_labelled_example_is_told(nifti: Callable[..., Any], tmp_path: Path) -> None:
    source = nifti(3)
    options = PrepareOptions(val=0, test=0, classes=("a", "b", "rare"))
    prepare_nifti(source.path, tmp_path / "set", options)
    assert inspect(tmp_path / "set").problems == (
        "No labelled training case holds the class rare, so it can't be learned.",
    )


def test_only_labels_of_labelled_training_cases_are_measured(folder: Path, nifti: Callable[..., Any]) -> None:
    source = nifti(6, unlabeled=1)
    label = np.zeros((12, 14, 10), np.uint8)
    label[0, 0, 0] = 1
    for case_id in "cdef":  # unlabelled, val and test
        source.label(case_id, label)
    other = folder.with_name("other")
    prepare_nifti(source.path, other, PrepareOptions(labeled=2, val=1, test=1))
    assert inspect(other).classes == inspect(folder).classes

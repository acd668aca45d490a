from pathlib import Path

import pytest
import torch

from simcvd.config import apply_settings, load_preset
from simcvd.data.store import open_training
from simcvd.training import notices
from simcvd.training.notices import start_notices
from tests.simcvd.data.tiny_store import make

FITTING = {
    "data.crop_vox": [8, 8, 8],
    "inference.stride_vox": [4, 4, 4],
    "network.strides": [[2, 2, 2], [1, 1, 1], [1, 1, 1], [1, 1, 1]],
}
CPU = torch.device("cpu")


def test_nothing_is_told_of_a_trial_that_fits(tmp_path: Path) -> None:
    make(tmp_path)
    config = apply_settings(load_preset("phantom"), FITTING)
    assert start_notices(config, open_training(tmp_path), True, CPU, "float32") == []


def test_too_large_crops_lacking_unlabelled_cases_and_memory_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    monkeypatch.setattr(notices, "available_bytes", lambda: 10**8)
    config = apply_settings(load_preset("phantom"), {"data.labeled": 3})
    view = open_training(tmp_path, config.data)
    view.unlabeled.clear()
    crop, unlabeled, memory = start_notices(config, view, True, CPU, "float32")
    assert "The crop of 32 x 32 x 32 voxels exceeds every training case along X and Y and Z" in crop
    assert "All 3 training cases are labelled" in unlabeled
    assert "and this machine has 0.1 GB for a trial" in memory
    assert start_notices(config, view, False, CPU, "float32") == [crop, memory]
    assert start_notices(config, view, False, CPU, "float32", workers=16) == [crop]  # each has a share of the crops


def test_a_machine_that_tells_no_memory_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    monkeypatch.setattr(notices, "available_bytes", lambda: None)
    config = apply_settings(load_preset("phantom"), FITTING | {"training.batch_unlabeled": 1_000_000})
    assert start_notices(config, open_training(tmp_path), True, CPU, "float32") == []

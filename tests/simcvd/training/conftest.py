from pathlib import Path

import numpy as np
import pytest

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.store import Grid, Origin, Splits, build_info, write_case, write_info


def _write_tiny_dataset(folder: Path, classes: int = 2) -> Path:
    """Eight cases of 36x32x34 voxels with a bright box (class 1) that holds a brighter one (class 2)."""
    generator = np.random.default_rng(0)
    digests = {}
    for index in range(8):
        image = generator.normal(size=(36, 32, 34)).astype(np.float32)
        label = np.zeros(image.shape, np.uint8)
        x, y, z = generator.integers(4, 14, size=3)
        label[x : x + 14, y : y + 12, z : z + 14] = 1
        if classes > 1:
            label[x + 4 : x + 10, y + 3 : y + 9, z + 4 : z + 10] = 2
        image += 2 * label
        image = (image - image.mean()) / image.std()
        case_id = f"case{index}"
        digests[case_id] = write_case(
            folder, case_id, image, label, Grid((1.0, 1.0, 2.0), np.eye(4), image.shape), classes=classes
        )
    ids = tuple(digests)
    info = build_info(
        folder,
        name="tiny",
        channels=("mr",),
        classes=("outer", "inner")[:classes],
        splits=Splits(train_labeled=ids[:2], train_unlabeled=ids[2:5], val=ids[5:6], test=ids[6:]),
        train_order=ids[:5],
        digests=digests,
        origin=Origin("made by a test"),
    )
    write_info(folder, info)
    return folder


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_tiny_dataset(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_config() -> TrialConfig:
    return apply_settings(
        load_preset("phantom"),
        {
            "network.width": 2,
            "data.crop_vox": [32, 16, 16],
            "training.steps": 6,
            "training.checkpoint_every_steps": 2,
            "training.log_every_steps": 1,
            "training.gradient_norms_every_steps": 4,
            "projection.pool_size": 8,
            "inference.stride_vox": [32, 16, 16],
        },
    )

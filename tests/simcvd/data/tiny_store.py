"""A data set of six tiny cases."""

from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.store import (
    Grid,
    Origin,
    Splits,
    build_info,
    write_case,
    write_info,
)

SHAPE = (8, 9, 10)


def label_of(number: int) -> np.ndarray[Any, Any]:
    label = np.zeros(SHAPE, np.uint8)
    label[2:5, 2:6, 2 : 5 + number % 3] = 1
    return label


def make(folder: Path, unlabeled_label: int = 0) -> DatasetInfo:
    """Write a..d for training (d without label), v for validation, t for the test."""
    digests = {}
    for number, case_id in enumerate("abcdvt"):
        image = np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)
        label = None if case_id == "d" else label_of(unlabeled_label if case_id == "c" else number)
        digests[case_id] = write_case(
            folder, case_id, image, label, Grid((1, 1, number + 1), np.eye(4), (20, 20, 20), (1, 2, 3)), classes=1
        )
    info = build_info(
        folder,
        name="tiny",
        channels=("MR",),
        classes=("thing",),
        splits=Splits(train_labeled=("a", "b"), train_unlabeled=("c", "d"), val=("v",), test=("t",)),
        train_order=("a", "b", "c", "d"),
        digests=digests,
        origin=Origin("test"),
    )
    write_info(folder, info)
    return info

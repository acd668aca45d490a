"""The average mask: worked by hand on labels of a few voxels."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simcvd.data.average_mask import average_mask_dice
from simcvd.data.case_file import Grid
from simcvd.data.store import Origin, Splits, build_info, write_case, write_info
from simcvd.labels import IGNORED

Label = NDArray[np.uint8]
Stored = Callable[[Mapping[str, Label]], Path]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Write labels as a data set of two classes, whose images are all zero; `a` and `b` are labelled, the rest val."""

    def store(labels: Mapping[str, Label]) -> Path:
        digests = {}
        for case_id, label in labels.items():
            image = np.zeros(label.shape, np.float32)
            grid = Grid((1, 1, 1), np.eye(4), label.shape, (0, 0, 0))
            digests[case_id] = write_case(tmp_path, case_id, image, label, grid, classes=2)
        val = tuple(case_id for case_id in labels if case_id not in "ab")
        info = build_info(
            tmp_path,
            name="labels",
            channels=("MR",),
            classes=("one", "two"),
            splits=Splits(train_labeled=("a", "b"), val=val),
            train_order=("a", "b"),
            digests=digests,
            origin=Origin("test"),
        )
        write_info(tmp_path, info)
        return tmp_path

    return store


def row(*classes: int, length: int = 8) -> Label:
    """Return a volume of one row of voxels in a `length x 4 x 4` block, classes from its start on."""
    label = np.zeros((length, 4, 4), np.uint8)
    label[: len(classes), 1, 1] = classes
    return label


def test_equal_labels_are_the_average(stored: Stored) -> None:
    same = row(0, 0, 1, 1, 2, 2)
    folder = stored({"a": same, "b": same, "v": same})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": 1.0}


def test_each_case_gets_one_and_the_same_mask(stored: Stored) -> None:
    """Class 1 of the labelled cases is on voxels 2 and 3; of v on 3 and 4: 2 * 1 / 4. Class 2 is alike: 1."""
    folder = stored({"a": row(0, 0, 1, 1, 0, 2), "b": row(0, 0, 1, 1, 0, 2), "v": row(0, 0, 0, 1, 1, 2)})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": pytest.approx((0.5 + 1) / 2)}


def test_volumes_meet_in_their_middle(stored: Stored) -> None:
    """v is two voxels longer at each end."""
    folder = stored({"a": row(0, 0, 1, 2), "b": row(0, 0, 1, 2), "v": row(0, 0, 0, 0, 1, 2, length=12)})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": 1.0}


def test_ignored_voxels_count_nowhere(stored: Stored) -> None:
    """The mask's second voxel of class 1 is ignored in v, so the one that is left is all of it."""
    folder = stored({"a": row(1, 1, 2), "b": row(1, 1, 2), "v": row(1, IGNORED, 2)})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": 1.0}


def test_a_class_in_neither_mask_is_left_out(stored: Stored) -> None:
    folder = stored({"a": row(1), "b": row(1), "v": row(1), "w": row(0)})
    found = average_mask_dice(folder, ["a", "b"], ["v", "w"], 2)
    assert found == {"v": 1.0, "w": 0.0}

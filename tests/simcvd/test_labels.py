import doctest

import numpy as np
import pytest

from simcvd import labels
from simcvd.errors import UserError
from simcvd.labels import IGNORED, as_stored, foreground, label_values


def test_docstring_example() -> None:
    assert doctest.testmod(labels).failed == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, np.float64])
def test_ignored_voxels_become_255_and_classes_stay(dtype: type) -> None:
    label = np.array([[[0, 1], [2, 3]]], dtype)
    stored = as_stored(label, classes=2, ignore=3)
    assert stored.dtype == np.uint8
    assert stored.tolist() == [[[0, 1], [2, IGNORED]]]
    assert label.tolist() == [[[0, 1], [2, 3]]]


@pytest.mark.parametrize("ignore", [-1, 4, 255, 300])
def test_any_value_above_or_below_the_classes_can_stand_for_ignored(ignore: int) -> None:
    assert as_stored(np.array([[[1, ignore, 0]]]), classes=3, ignore=ignore).tolist() == [[[1, IGNORED, 0]]]
    assert as_stored(np.array([[[1, ignore, 0]]], np.float32), 3, ignore).tolist() == [[[1, IGNORED, 0]]]


def test_a_label_without_ignored_voxels_is_stored_as_it_is() -> None:
    label = np.array([[[0, 1, 2]]], np.uint8)
    assert as_stored(label, classes=2).tolist() == as_stored(label, classes=2, ignore=3).tolist() == [[[0, 1, 2]]]
    assert as_stored(np.array([[[253, 254]]]), classes=254, ignore=255).tolist() == [[[253, 254]]]


@pytest.mark.parametrize(
    ("values", "classes", "ignore", "told"),
    [
        ([0, 3], 2, None, r"holds 3, expected 0 \(background\) to 2 \(the last class\)$"),
        ([0, 255], 2, None, "holds 255, expected"),  # nobody said that this value is to be ignored
        ([0, 256, 300], 2, None, "holds 256, 300, expected"),  # neither wraps around
        ([0, 3, 4], 2, 3, r"holds 4, expected 0 \(background\) to 2 \(the last class\), or 3 \(ignored\)$"),
        ([-1, 1], 2, 3, "holds -1, expected"),
        ([0.5], 2, 3, "holds 0.5, which is no integer"),
        ([0.999], 2, None, "holds 0.999, which is no integer"),
        ([float("nan")], 2, 3, "holds nan, which is no integer"),
        ([float("inf")], 2, 3, "holds inf, which is no integer"),
        ([0, 1], 255, None, "there are 255 classes, expected at most 254"),
        ([0, 2], 2, 2, "ignored voxels hold 2, which is a class"),
    ],
)
def test_what_a_case_file_can_not_hold_is_refused(
    values: list[float], classes: int, ignore: int | None, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        as_stored(np.array([[values]]), classes, ignore)


def test_values_of_a_label_are_each_told_once() -> None:
    assert label_values(np.array([[[7, 0, 7, 255]]], np.uint8)) == [0, 7, 255]
    assert label_values(np.array([[[2.0, -1.0, 2.0]]])) == [-1, 2]


def test_numbers_that_a_scaled_label_rounded_are_the_integers_beside_them() -> None:
    label = np.array([[[0.9999999, 2.00001, -1e-6, 3.0000002]]], np.float32)
    assert label_values(label) == [0, 1, 2, 3]
    assert as_stored(label, classes=2, ignore=3).tolist() == [[[1, 2, 0, IGNORED]]]


def test_foreground_is_neither_background_nor_ignored() -> None:
    assert foreground(np.array([[[0, 1, 2, 255]]], np.uint8)).tolist() == [[[False, True, True, False]]]

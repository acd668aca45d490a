from itertools import product
from typing import Any

import numpy as np
import pytest

from simcvd.data.preparation.label_flip import Flip, Mirrored, find_flip
from simcvd.errors import UserError
from tests.simcvd.data.preparation.tiny_abdomen import abdomen

Array = np.ndarray[Any, Any]
Y_ALONE: Mirrored = (False, True, False)


def mirrored(label: Array, flip: Mirrored) -> Array:
    return np.flip(label, tuple(axis for axis in range(3) if flip[axis]))


@pytest.mark.parametrize("flip", list(product((False, True), repeat=3)))
@pytest.mark.parametrize("seed", range(2))
def test_every_way_to_mirror_a_label_is_found(flip: Mirrored, seed: int) -> None:
    scan, label = abdomen(seed)
    found = find_flip(scan, mirrored(label, flip), Y_ALONE)
    assert found == Flip(flip, clear=True)
    np.testing.assert_array_equal(found.apply(mirrored(label, flip)), label)


def test_expected_way_is_taken_where_the_scan_does_not_tell() -> None:
    scan = np.random.default_rng(0).normal(60, 20, (40, 36, 24))
    label = np.zeros(scan.shape, np.uint8)
    label[3:18, 4:17, 2:11] = 1
    assert find_flip(scan, label, Y_ALONE) == Flip(Y_ALONE, clear=False)
    assert find_flip(scan, label, (True, False, True)) == Flip((True, False, True), clear=False)


def test_a_scan_that_is_symmetric_is_not_clear() -> None:
    scan, label = abdomen(0)
    half = scan.shape[2] // 2
    scan[:, :, half:] = scan[:, :, :half][:, :, ::-1]
    label[:, :, half:] = label[:, :, :half][:, :, ::-1]
    assert find_flip(scan, mirrored(label, Y_ALONE), Y_ALONE) == Flip(Y_ALONE, clear=False)


def test_a_label_of_another_scan_is_told() -> None:
    scan, label = abdomen(0)
    air = np.full_like(scan, -1000)
    with pytest.raises(UserError, match=r"at most 0% of the label lies in soft tissue \(0 to 200 HU\) however"):
        find_flip(air, label, Y_ALONE)
    with pytest.raises(UserError, match="its label is empty"):
        find_flip(scan, label * 0, Y_ALONE)


def test_a_label_over_the_whole_scan_lies_in_all_ways_alike() -> None:
    scan = np.full((8, 8, 8), 50)
    assert find_flip(scan, np.ones(scan.shape), Y_ALONE) == Flip(Y_ALONE, clear=False)

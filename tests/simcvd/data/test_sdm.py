import doctest

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from simcvd.data import sdm
from simcvd.data.sdm import signed_distance_maps


def published(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The field's `compute_sdf`; the inner boundary by face neighbours, the volume's border left out."""
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    result = outside / outside.max() - inside / inside.max()
    result[mask & ~ndimage.binary_erosion(mask, border_value=1)] = 0
    return result


def blobs(seed: int, shape: tuple[int, ...] = (21, 18, 13), threshold: float = 0.02) -> NDArray[np.bool_]:
    noise = np.random.default_rng(seed).standard_normal(shape)
    return ndimage.gaussian_filter(noise, 2.5) > threshold


def test_docstring_example() -> None:
    assert doctest.testmod(sdm).failed == 0


@pytest.mark.parametrize("seed", range(6))
def test_map_equals_the_fields_formula(seed: int) -> None:
    mask = blobs(seed)
    assert mask.any()
    np.testing.assert_allclose(signed_distance_maps(mask.astype(np.uint8), 1)[0], published(mask), atol=5e-4)


def test_ball_of_one_voxel_and_slab() -> None:
    """Worked by hand. One voxel in the middle of 5x5x5 is all boundary; the corners are sqrt(12) away, the faces 1.

    A slab of three of seven planes: -1 in the middle plane (2 voxels from outside), 0 beside it, +-2 planes outside.
    """
    label = np.zeros((5, 5, 5), np.uint8)
    label[2, 2, 2] = 1
    result = signed_distance_maps(label, 1)[0]
    assert result[2, 2, 2] == 0
    assert result[0, 0, 0] == 1
    assert result[1, 2, 2] == pytest.approx(1 / np.sqrt(12), abs=5e-4)

    label = np.zeros((7, 4, 4), np.uint8)
    label[2:5] = 1
    assert signed_distance_maps(label, 1)[0, :, 1, 2].tolist() == [1, 0.5, 0, -1, 0, 0.5, 1]


def test_ignored_voxels_are_outside_of_every_object() -> None:
    label = np.array([[[0, 255, 1, 1, 1, 255, 2]]], np.uint8)
    same = np.where(label == 255, 0, label)
    np.testing.assert_array_equal(signed_distance_maps(label, 2), signed_distance_maps(same, 2))


def test_the_volumes_border_makes_no_boundary() -> None:
    label = np.zeros((6, 3, 3), np.uint8)
    label[:3] = 1
    result = signed_distance_maps(label, 1)[0]
    assert (result == result[:, :1, :1]).all()
    assert result[0, 0, 0] == -1
    assert result[2, 0, 0] == 0


def test_an_absent_class_is_plus_one_and_a_full_one_minus_one() -> None:
    result = signed_distance_maps(np.full((4, 5, 6), 2, np.uint8), 3)
    assert result.dtype == np.float16
    assert result.shape == (3, 4, 5, 6)
    assert (result[0] == 1).all()
    assert (result[1] == -1).all()
    assert (result[2] == 1).all()


def test_an_absent_class_may_be_zero_as_in_the_fields_formula() -> None:
    """`compute_sdf` leaves a map without object as it was made, 0 everywhere."""
    label = blobs(0).astype(np.uint8)
    result = signed_distance_maps(label, 2, absent=0.0)
    np.testing.assert_array_equal(result[0], signed_distance_maps(label, 1)[0])
    assert (result[1] == 0).all()
    assert (signed_distance_maps(np.ones((2, 2, 2), np.uint8), 1, absent=0.0) == -1).all()


def test_each_class_has_its_own_map() -> None:
    label = np.where(blobs(1), 1, 0).astype(np.uint8)
    label[:, :9][label[:, :9] == 1] = 2
    both = signed_distance_maps(label, 2, threads=2)
    for index in range(2):
        np.testing.assert_array_equal(both[index], signed_distance_maps((label == index + 1).astype(np.uint8), 1)[0])


def test_inside_and_outside_span_minus_one_to_one() -> None:
    result = signed_distance_maps(blobs(4).astype(np.uint8), 1)
    assert result.min() == -1
    assert result.max() == 1


def test_wrong_rank_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \[X, Y, Z\]"):
        signed_distance_maps(np.zeros((2, 2), np.uint8), 1)

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses
from numpy.typing import NDArray
from scipy import ndimage

from simcvd.scans.resampling import (
    highest_class,
    resample_image,
    resample_label,
    resample_map,
    resampled_affine,
    resampled_shape,
)

OWN, TARGET = (1.0, 1.2, 1.5), (0.8, 1.5, 1.1)


def smooth(seed: int = 0, shape: tuple[int, ...] = (30, 28, 26)) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 2).astype(np.float32) * 10


def by_sitk(array: NDArray[Any], own: Any, target: Any, shape: Any, kind: int) -> NDArray[Any]:
    image = sitk.GetImageFromArray(array.T)
    image.SetSpacing(own)
    grid = sitk.Image([int(side) for side in shape], sitk.sitkFloat32)
    grid.SetSpacing(target)
    grid.SetOrigin(tuple(resampled_affine(np.diag([*own, 1.0]), array.shape, target, shape)[:3, 3]))
    return sitk.GetArrayFromImage(sitk.Resample(image, grid, sitk.Transform(), kind, 0.0)).T


def test_an_image_equals_sitks_cubic_spline_away_from_the_border() -> None:
    array = smooth()
    ours = resample_image(array[np.newaxis], OWN, TARGET)[0]
    assert ours.shape == resampled_shape(array.shape, OWN, TARGET)
    theirs = by_sitk(array, OWN, TARGET, ours.shape, sitk.sitkBSpline)
    inside = (slice(6, -6),) * 3
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-3 * array.std())


def test_a_map_equals_sitks_linear_interpolation() -> None:
    array = smooth(1)
    shape = resampled_shape(array.shape, OWN, TARGET)
    ours = resample_map(array, OWN, TARGET, shape)
    theirs = by_sitk(array, OWN, TARGET, shape, sitk.sitkLinear)
    inside = (slice(2, -2),) * 3
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-4)


def test_both_grids_have_one_centre() -> None:
    affine = np.array([[0, -1.2, 0, 7], [1, 0, 0, -3], [0, 0, 1.5, 2], [0, 0, 0, 1.0]])
    shape, own = (10, 11, 13), (1.0, 1.2, 1.5)
    new_shape = resampled_shape(shape, own, TARGET)
    new = resampled_affine(affine, shape, TARGET, new_shape)
    centres = [a[:3, :3] @ ((np.array(s) - 1) / 2) + a[:3, 3] for a, s in ((affine, shape), (new, new_shape))]
    np.testing.assert_allclose(*centres, atol=1e-12)
    np.testing.assert_allclose(np.sqrt((new[:3, :3] ** 2).sum(0)), TARGET)


def test_a_straight_ramp_stays_straight_and_borders_hold_the_outermost_value() -> None:
    ramp = np.broadcast_to(np.arange(12.0, dtype=np.float32)[:, None, None], (12, 5, 5))
    finer = resample_image(ramp[np.newaxis], (1, 1, 1), (0.5, 1, 1))[0, :, 2, 2]
    expected = np.clip((np.arange(24) - 11.5) / 2 + 5.5, 0, 11)
    np.testing.assert_allclose(finer, expected, atol=1e-5)


def test_the_same_voxels_give_the_same_numbers() -> None:
    array = smooth(2)
    np.testing.assert_array_equal(resample_image(array[np.newaxis], OWN, OWN)[0], array)


def test_along_a_thick_axis_whole_slices_are_taken() -> None:
    array = smooth(3, (12, 12, 6))
    thin = resample_image(array[np.newaxis], (1, 1, 5), (1, 1, 2.5))[0]
    assert thin.shape == (12, 12, 12)
    for index in range(12):
        np.testing.assert_array_equal(thin[..., index], array[..., index // 2])


def test_a_label_keeps_its_classes_and_volume_and_invents_none() -> None:
    grid = np.indices((40, 40, 40))
    ball = ((grid - 20) ** 2).sum(0) < 14**2
    label = np.where(ball, np.where(grid[0] < 20, 3, 7), 0).astype(np.uint8)
    label[:2] = 255
    other = resample_label(label, (1, 1, 1), (0.7, 0.9, 1.3))
    assert set(np.unique(other)) == {0, 3, 7, 255}
    for values, share in (((3,), 0.06), ((7,), 0.06), ((3, 7), 0.02)):  # half a voxel along the cut is 4 %
        volume = np.isin(other, values).sum() * 0.7 * 0.9 * 1.3
        assert volume == pytest.approx(np.isin(label, values).sum(), rel=share)


def test_a_label_comes_back_nearly_whole() -> None:
    ball = (((np.indices((30, 30, 30)) - 15) ** 2).sum(0) < 100).astype(np.uint8)
    there = resample_label(ball, (1, 1, 1), (0.6, 0.6, 0.6))
    back = resample_label(there, (0.6, 0.6, 0.6), (1, 1, 1), ball.shape)
    assert 2 * (back & ball).sum() / (back.sum() + ball.sum()) > 0.99


def test_the_highest_class_is_the_argmax_of_all_maps() -> None:
    maps = np.stack([smooth(seed) for seed in range(4)])
    shape = resampled_shape(maps.shape[1:], OWN, TARGET)
    all_maps = np.stack([resample_map(one, OWN, TARGET, shape) for one in maps])
    np.testing.assert_array_equal(highest_class(iter(maps), OWN, TARGET, shape), all_maps.argmax(0))


def test_a_single_slice_can_be_resampled() -> None:
    array = smooth(4, (8, 8, 1))
    assert resample_image(array[np.newaxis], (1, 1, 5), (2, 2, 5)).shape == (1, 4, 4, 1)

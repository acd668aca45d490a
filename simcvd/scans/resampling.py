"""Other voxel sizes: images by cubic splines, labels and class scores per class, axis by axis.

Both grids share their centre, so that nothing moves, and voxels have exactly the size that is asked for. The axes of a
spline are independent; each is one matrix product. Outside the outermost voxel centres the outermost value holds.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcvd.scans.volume import Array, Spacing

THICK_RATIO = 3.0
"""An axis is thick if its voxels are more than this many times as long as the shortest side (nnU-Net's rule)."""

Shape = tuple[int, int, int]
Weights = tuple[NDArray[np.float32] | None, ...]


def resampled_shape(shape: Sequence[int], spacing_mm: Spacing, target_mm: Spacing) -> Shape:
    """Return how many voxels of the target's size fill the volume, at least one.

    >>> resampled_shape((10, 10, 5), (1.0, 1.0, 2.0), (2.0, 1.0, 1.0))
    (5, 10, 10)
    """
    sides = zip(shape, spacing_mm, target_mm, strict=True)
    x, y, z = (max(1, round(side * own / target)) for side, own, target in sides)
    return x, y, z


def resampled_affine(affine: Array, shape: Sequence[int], target_mm: Spacing, new_shape: Sequence[int]) -> Array:
    """Return the affine of the new grid: the same directions and the same centre."""
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    new = affine.copy()
    new[:3, :3] = affine[:3, :3] / spacing * np.asarray(target_mm)
    centre = affine[:3, :3] @ ((np.asarray(shape) - 1) / 2) + affine[:3, 3]
    new[:3, 3] = centre - new[:3, :3] @ ((np.asarray(new_shape) - 1) / 2)
    return new


def resample_image(image: Array, spacing_mm: Spacing, target_mm: Spacing) -> NDArray[np.float32]:
    """Resample an image `[I, X, Y, Z]` by cubic splines, along a thick axis by the nearest slice."""
    shape = resampled_shape(image.shape[-3:], spacing_mm, target_mm)
    weights = _weights(image.shape[-3:], shape, spacing_mm, target_mm, degree=3)
    return np.stack([_apply(channel, weights) for channel in image])


def resample_label(
    label: Array, spacing_mm: Spacing, target_mm: Spacing, shape: Shape | None = None
) -> NDArray[np.uint8]:
    """Resample class ids `[X, Y, Z]`: each class's map linearly, then the class with the highest value.

    Args:
        label: class ids.
        spacing_mm: its voxel size.
        target_mm: the new voxel size.
        shape: of the new grid; none: what `resampled_shape` says.
    """
    values = [int(value) for value in np.unique(label)]
    shape = shape or resampled_shape(label.shape, spacing_mm, target_mm)
    maps = ((label == value).astype(np.float32) for value in values)
    chosen = highest_class(maps, spacing_mm, target_mm, shape)
    return np.asarray(values, np.uint8)[chosen]


def highest_class(scores: Iterable[Array], spacing_mm: Spacing, target_mm: Spacing, shape: Shape) -> NDArray[np.uint8]:
    """Return, on another grid with the same centre, which of the maps is highest; the first of equal ones.

    One map at a time is on the new grid, so that memory does not grow with the classes.

    Args:
        scores: maps `[X, Y, Z]`, such as probabilities, class by class.
        spacing_mm: their voxel size.
        target_mm: voxel size of the other grid.
        shape: of the other grid.
    """
    best: NDArray[np.float32] | None = None
    chosen = np.zeros(shape, np.uint8)
    for index, scored in enumerate(scores):
        values = resample_map(scored, spacing_mm, target_mm, shape)
        if best is None:
            best = values
            continue
        higher = values > best
        chosen[higher] = index
        np.copyto(best, values, where=higher)
    return chosen


def resample_map(scored: Array, spacing_mm: Spacing, target_mm: Spacing, shape: Shape) -> NDArray[np.float32]:
    """Resample a map `[X, Y, Z]` linearly onto another grid with the same centre."""
    return _apply(scored, _weights(scored.shape, shape, spacing_mm, target_mm, degree=1))


def _weights(old: Sequence[int], new: Sequence[int], own_mm: Spacing, target_mm: Spacing, degree: int) -> Weights:
    thick = [
        own > THICK_RATIO * min(own_mm) or target > THICK_RATIO * min(target_mm)
        for own, target in zip(own_mm, target_mm, strict=True)
    ]
    return tuple(
        None
        if (old[axis], own_mm[axis]) == (new[axis], target_mm[axis])
        else _axis_weights(old[axis], new[axis], target_mm[axis] / own_mm[axis], 0 if thick[axis] else degree)
        for axis in range(3)
    )


@lru_cache(maxsize=64)
def _axis_weights(old: int, new: int, step: float, degree: int) -> NDArray[np.float32]:
    """Return `[new, old]`: each new voxel as a weighted sum of the old ones along an axis."""
    from scipy.interpolate import make_interp_spline

    wanted = np.clip((np.arange(new) - (new - 1) / 2) * step + (old - 1) / 2, 0, old - 1)
    degree = min(degree, old - 1)
    if degree == 0:
        nearest: NDArray[np.float32] = np.eye(old, dtype=np.float32)[np.rint(wanted).astype(int)]
        return nearest
    spline: Any = make_interp_spline(np.arange(old), np.eye(old), k=degree)
    return np.ascontiguousarray(spline(wanted), dtype=np.float32)


def _apply(array: Array, weights: Weights) -> NDArray[np.float32]:
    out = np.ascontiguousarray(array, dtype=np.float32)
    # The axis that shrinks most comes first, so that the others have less to do.
    order = sorted(range(3), key=lambda axis: 1.0 if (w := weights[axis]) is None else w.shape[0] / w.shape[1])
    for axis in order:
        matrix = weights[axis]
        if matrix is not None:
            out = np.moveaxis(np.tensordot(matrix, out, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(out)

"""A scan in memory: voxels and where they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from simcvd.errors import UserError

Array = np.ndarray[Any, Any]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Volume:
    """Voxels and where they are.

    Attributes:
        array: `[X, Y, Z]`, or `[I, X, Y, Z]` where the file has channels.
        affine: `[4, 4]`, voxel index to RAS+ mm.
        spacing_mm: voxel size.
        located: whether the file says where its voxels are; HDF5 does not, so its axes are taken as they are.
    """

    array: Array
    affine: Array
    spacing_mm: Spacing
    located: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along X, Y and Z."""
        x, y, z = self.array.shape[-3:]
        return x, y, z

    @property
    def channels(self) -> Array:
        """Voxels as `[I, X, Y, Z]`, whether or not the file has channels."""
        return self.array if self.array.ndim == 4 else self.array[np.newaxis]


def spacing_of(affine: Array) -> Spacing:
    """Return the voxel size in mm that an affine gives.

    Raises:
        UserError: a size that is no positive number.
    """
    x, y, z = (float(length) for length in np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))
    if not (np.isfinite(affine).all() and min(x, y, z) > 0):
        raise UserError(f"the voxel size is {x:g} x {y:g} x {z:g} mm, expected positive numbers")
    return x, y, z

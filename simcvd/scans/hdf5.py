"""HDF5: a data set with voxels and no word on where they are."""

from pathlib import Path
from typing import Any

import numpy as np

from simcvd.hdf5 import held
from simcvd.scans.reading import check_size, damage, reading, refusal, times, volume_at
from simcvd.scans.volume import Array, Spacing, Volume


def read_hdf5(path: Path, dataset: str = "image", spacing_mm: Spacing = (1.0, 1.0, 1.0)) -> Volume:
    """Read a data set `[X, Y, Z]` or `[I, X, Y, Z]` of an HDF5 file, which knows no spacing of its own.

    Raises:
        UserError: missing, truncated, damaged or foreign file, or no such data set in the file itself.
    """
    import h5py

    with reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
        found = held(file, dataset)
        if found is None:
            others = ", ".join(map(str, file)) or "nothing"
            raise refusal(path, f"it has no data set '{dataset}' but {others[:100]}", f"name the voxels '{dataset}'")
        if not isinstance(found, h5py.Dataset):
            raise refusal(path, f"its '{dataset}' is a group, expected an array", "store the voxels as an array")
        array = _voxels(path, found)
    return volume_at(path, array, np.diag([*spacing_mm, 1.0]), located=False)


def hdf5_holds(path: Path, dataset: str) -> bool:
    """Tell whether an HDF5 file has a data set of this name.

    Raises:
        UserError: missing, truncated or foreign file, or one that has the data set in another file.
    """
    import h5py

    with reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
        return held(file, dataset) is not None


def _voxels(path: Path, found: Any) -> Array:
    name, shape = str(found.name).lstrip("/"), found.shape
    if found.dtype.kind not in "biuf":
        raise refusal(path, f"its '{name}' holds {found.dtype}, expected numbers", "store one number a voxel")
    if shape is None or len(shape) not in (3, 4):
        axes = 0 if shape is None else len(shape)
        expected = "expected three, or four with channels first"
        raise refusal(path, f"its '{name}' has {axes} axes, {expected}", "store the volume alone")
    if 0 in shape:
        raise damage(path, f"its '{name}' has {times(shape)} voxels, expected at least one along each axis")
    packed = found.chunks is not None  # chunks that were never written count as well packed
    stored = None if packed else min(found.id.get_storage_size(), path.stat().st_size)
    check_size(path, shape, found.dtype.itemsize, held=stored)
    array: Array = found[()]
    return array

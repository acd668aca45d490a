"""Volumes from NIfTI, NRRD and HDF5 files, in the array order X, Y, Z of the file, with affines in RAS+ millimetres."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.errors import UserError

Array = np.ndarray[Any, Any]

_MM = {"meter": 1e3, "micron": 1e-3}


@dataclass(frozen=True)
class Volume:
    """Voxels and where they are.

    Attributes:
        array: `[X, Y, Z]`, or `[I, X, Y, Z]` where the file has channels.
        affine: `[4, 4]`, voxel index to RAS+ mm.
        spacing_mm: voxel size.
    """

    array: Array
    affine: Array
    spacing_mm: tuple[float, float, float]


def read_nifti(path: Path) -> Volume:
    """Read a NIfTI file; the fourth axis holds channels.

    Raises:
        UserError: missing, truncated or foreign file, or more than four axes.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.wrapstruct import WrapStructError

    with _readable(path, "a NIfTI image", ImageFileError, WrapStructError):
        image: Any = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Pair):  # Nifti2 is one too
            raise ValueError(f"it holds {type(image).__name__}")
        array = np.asanyarray(image.dataobj)
        affine = np.array(image.affine, dtype=np.float64)
        header: Any = image.header
        affine[:3] *= _MM.get(header.get_xyzt_units()[0], 1.0)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"its voxels are {array.dtype}, not numbers")
        while array.ndim > 3 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim not in (3, 4):
            raise ValueError(f"it has {array.ndim} axes, not three, or four with channels")
    return _volume(path, np.moveaxis(array, -1, 0) if array.ndim == 4 else array, affine)


def read_nrrd(path: Path) -> Volume:
    """Read a scalar 3D NRRD file.

    Raises:
        UserError: missing, truncated or foreign file, or not a scalar volume.
    """
    import SimpleITK as sitk  # noqa: N813  the name its own manual uses

    with _readable(path, "an NRRD volume"):
        if not path.is_file():
            raise FileNotFoundError
        image: Any = sitk.ReadImage(str(path), imageIO="NrrdImageIO")
        if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
            raise ValueError("it is not one number a voxel on three axes")
        array = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
        affine[:3, 3] = image.GetOrigin()
        affine[:2] *= -1  # ITK points left and posterior, NIfTI right and anterior
    return _volume(path, array, affine)


def read_hdf5(path: Path, dataset: str = "image", spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    """Read a 3D data set of an HDF5 file, which knows no spacing of its own.

    Raises:
        UserError: missing, truncated or foreign file, or no such 3D data set.
    """
    import h5py

    with _readable(path, "an HDF5 file"), h5py.File(path, "r") as file:
        if dataset not in file:
            raise ValueError(f"it has no data set '{dataset}'")
        if file[dataset].ndim != 3 or file[dataset].dtype.kind not in "biuf":
            raise ValueError(f"its '{dataset}' is no array of numbers on three axes")
        array = file[dataset][()]
    return _volume(path, array, np.diag([*spacing_mm, 1.0]))


def hdf5_holds(path: Path, dataset: str) -> bool:
    """Tell whether an HDF5 file has a data set of this name.

    Raises:
        UserError: missing, truncated or foreign file.
    """
    import h5py

    with _readable(path, "an HDF5 file"), h5py.File(path, "r") as file:
        return dataset in file


@contextmanager
def _readable(path: Path, kind: str, *others: type[Exception]) -> Iterator[None]:
    """Turn whatever a reader throws at a broken file into one sentence."""
    broken: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, KeyError, RuntimeError, zlib.error, *others)
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; expected {kind}.") from error
    except broken as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise UserError(f"{path} is truncated or not {kind}: {reason[:200]}.") from error


def _volume(path: Path, array: Array, affine: Array) -> Volume:
    x, y, z = (float(length) for length in np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))
    if not (np.isfinite(affine).all() and min(x, y, z) > 0):
        raise UserError(f"{path} has the voxel size {x:g} x {y:g} x {z:g} mm; expected positive numbers.")
    return Volume(array, affine, (x, y, z))

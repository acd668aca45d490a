"""Write a mask in the format and space of the image it belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simcvd.errors import UserError
from simcvd.files import replacing

Format = Literal["nifti", "nrrd", "hdf5"]

_FORMATS: dict[str, Format] = {
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".nrrd": "nrrd",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
}


def image_format(path: Path) -> Format:
    """Tell a file's format by its name.

    Raises:
        UserError: a format that is not read here.
    """
    if (ending := _ending(path)) is not None:
        return _FORMATS[ending]
    raise UserError(f"{path} is of no format that can be segmented; expected {', '.join(_FORMATS)}.")


def _ending(path: Path) -> str | None:
    """Return the longest ending of a format that a name has."""
    return max((ending for ending in _FORMATS if path.name.lower().endswith(ending)), key=len, default=None)


def write_mask_like(source: Path, mask: NDArray[np.uint8], target: Path) -> None:
    """Write `mask` by rename so that it lies over the image in `source`, voxel for voxel.

    NIfTI and NRRD keep affine or origin, direction and spacing, with their units and codes; HDF5 holds the mask as data
    set `label`, with the source's attributes.

    Args:
        source: the image, readable; its format is the mask's.
        mask: class ids `[X, Y, Z]`.
        target: where to write, with the ending of `source`.

    Raises:
        UserError: the folder can't be written to.
    """
    write = {"nifti": _write_nifti, "nrrd": _write_nrrd, "hdf5": _write_hdf5}[image_format(source)]
    with _written_to(target), replacing(target, ending=_ending(target) or "") as partial:
        write(source, mask, partial)


def make_folder(out: Path) -> None:
    """Make the folder for masks, and see that it can be written to, before anything is computed.

    Raises:
        UserError: it can't be written to.
    """
    with _written_to(out):
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass


@contextmanager
def _written_to(place: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise UserError(f"{place} can't be written ({reason}); choose another folder for the masks.") from error


def _write_nifti(source: Path, mask: NDArray[np.uint8], target: Path) -> None:
    import nibabel

    image: Any = nibabel.load(source)
    header = image.header.copy()
    header.set_data_dtype(np.uint8)
    header["cal_min"] = header["cal_max"] = 0  # the display range of the image's intensities
    kind: Any = nibabel.Nifti2Image if isinstance(image, nibabel.Nifti2Pair) else nibabel.Nifti1Image
    nibabel.save(kind(mask, image.affine, header), target)


def _write_nrrd(source: Path, mask: NDArray[np.uint8], target: Path) -> None:
    import SimpleITK as sitk  # noqa: N813  the name its own manual uses

    image = sitk.ReadImage(str(source), imageIO="NrrdImageIO")
    written: Any = sitk.GetImageFromArray(mask.transpose(2, 1, 0))
    written.CopyInformation(image)
    sitk.WriteImage(written, str(target), useCompression=True)


def _write_hdf5(source: Path, mask: NDArray[np.uint8], target: Path) -> None:
    import h5py

    with h5py.File(source, "r") as image, h5py.File(target, "w") as file:
        file.create_dataset("label", data=mask, compression="gzip")
        file.attrs.update(image.attrs)

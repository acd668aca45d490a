"""Write a mask in the format and space of the image it belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcvd.errors import UserError
from simcvd.files import replacing
from simcvd.scans.formats import scan_ending, scan_format
from simcvd.scans.itk import lay_over


def write_mask_like(source: Path, mask: NDArray[np.uint8], target: Path) -> None:
    """Write `mask` by rename so that it lies over the image in `source`, voxel for voxel.

    NIfTI, NRRD and MetaImage keep affine or origin, direction and spacing, with their units and codes; HDF5 holds the
    mask as data set `label`, with the source's attributes. Masks of `.nhdr` and `.mhd` images have header and voxels in
    one file, which their readers take as well.

    Args:
        source: the image, readable; its format is the mask's.
        mask: class ids `[X, Y, Z]`.
        target: where to write, with the ending of `source`.

    Raises:
        UserError: the folder can't be written to.
    """
    write = _WRITERS[scan_format(source)]
    ending = scan_ending(target) or ""
    with _written_to(target), replacing(target, ending=_IN_ONE_FILE.get(ending, ending)) as partial:
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


def _write_itk(source: Path, mask: NDArray[np.uint8], target: Path) -> None:
    import SimpleITK as sitk  # noqa: N813  the name its own manual uses

    written: Any = sitk.GetImageFromArray(mask.transpose(2, 1, 0))
    lay_over(written, source)
    sitk.WriteImage(written, str(target), useCompression=True)


def _write_hdf5(source: Path, mask: NDArray[np.uint8], target: Path) -> None:
    import h5py

    with h5py.File(source, "r") as image, h5py.File(target, "w") as file:
        file.create_dataset("label", data=mask, compression="gzip")
        file.attrs.update(image.attrs)


_WRITERS = {"nifti": _write_nifti, "nrrd": _write_itk, "metaimage": _write_itk, "hdf5": _write_hdf5}
_IN_ONE_FILE = {".nhdr": ".nrrd", ".mhd": ".mha"}  # so that renaming one file renames the mask


def write_probabilities(maps: NDArray[np.float32], affine: NDArray[Any], mask: Path) -> Path:
    """Write probabilities by rename as a NIfTI image beside the mask, `NAME_probabilities.nii.gz`, and return its path.

    Args:
        maps: `[C, X, Y, Z]` on the image's own voxels, background first; the file's fourth axis holds the classes.
        affine: voxel index to RAS+ mm.
        mask: the mask's path.

    Raises:
        UserError: the folder can't be written to.
    """
    target = mask.with_name(f"{mask.name[: -len(scan_ending(mask) or '')]}_probabilities.nii.gz")
    write_on_voxels(np.moveaxis(maps, 0, -1), affine, target)
    return target


def write_on_voxels(array: NDArray[Any], affine: NDArray[Any], target: Path) -> None:
    """Write voxels by rename as a NIfTI image.

    Args:
        array: `[X, Y, Z]`, or `[X, Y, Z, C]`.
        affine: voxel index to RAS+ mm.
        target: where to write, ending in `.nii.gz`.

    Raises:
        UserError: the folder can't be written to.
    """
    import nibabel

    make: Any = nibabel.Nifti1Image
    image = make(array, affine)
    image.header.set_xyzt_units("mm")
    with _written_to(target), replacing(target, ending=".nii.gz") as partial:
        nibabel.save(image, partial)

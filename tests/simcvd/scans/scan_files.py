"""Small scans on disk, whole or with a header that says something else."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813  the name its own manual uses

VOXELS = np.random.default_rng(0).integers(0, 300, (4, 5, 6)).astype(np.int16)
AFFINE = np.diag([1.5, 1.0, 2.0, 1.0])


def nifti(path: Path, array: Any = VOXELS, affine: Any = AFFINE, **fields: Any) -> Path:
    """Write a NIfTI file, then set fields of its header that no library would write; lists set the first items."""
    plain = path.with_name("plain.nii")
    nibabel.save(nibabel.Nifti1Image(array, affine), plain)
    content = bytearray(plain.read_bytes())
    plain.unlink()
    header: Any = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        if isinstance(value, list):
            header[name][: len(value)] = value
        else:
            header[name] = value
    content[:348] = header.binaryblock
    path.write_bytes(gzip.compress(content, 1) if path.name.lower().endswith(".gz") else content)
    return path


def without_sform(path: Path, **fields: Any) -> Path:
    """Write a NIfTI file of which the voxel size alone says where its voxels are."""
    return nifti(path, sform_code=0, qform_code=0, **fields)


def itk(path: Path, array: Any = VOXELS, *, packed: bool = False, vectors: bool = False) -> Path:
    """Write `[X, Y, Z]`, or `[X, Y, Z, I]` as vectors, with the spacing of AFFINE; the ending chooses the format."""
    spatial = array.ndim - vectors
    axes = (*reversed(range(spatial)), *range(spatial, array.ndim))
    image: Any = sitk.GetImageFromArray(np.ascontiguousarray(np.transpose(array, axes)), isVector=vectors)
    image.SetSpacing([1.5, 1.0, 2.0, 1.0][:spatial])
    sitk.WriteImage(image, str(path), useCompression=packed)
    return path


def edit(path: Path, old: bytes, new: bytes) -> Path:
    """Replace the first occurrence of some bytes, which must be there."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    return path


def flip(path: Path, at: int) -> Path:
    """Change one bit of a byte, counted from the end where `at` is negative."""
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)
    return path


def cut(path: Path, kept: float) -> Path:
    """Keep the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    return path

"""What nobody should train on, made on purpose, and the sentence that each gets."""

import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.formats import read_scan
from tests.simcvd.scans.scan_files import VOXELS, cut, edit, flip, itk, nifti, without_sform


def _hdf5(path: Path, array: object = VOXELS, name: str = "image") -> Path:
    with h5py.File(path, "w") as file:
        file[name] = array
    return path


def _moved_sform(path: Path) -> Path:
    """Mirror the sform's first axis and leave the qform."""
    return nifti(path, sform_code=1, qform_code=1, srow_x=[-1.5, 0, 0, 0])


def _link(path: Path) -> None:
    path.symlink_to("elsewhere.nii.gz")


def _behind(path: Path, extra: bytes) -> None:
    path.write_bytes(path.read_bytes() + extra)


def _beside(path: Path) -> None:
    itk(path)
    (path.parent / "a.raw").unlink()


RGB = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])

WRONG: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no such file": ("a.nii.gz", lambda p: None, "does not exist; expected a NIfTI image."),
    "link to nothing": ("a.nii.gz", _link, "is a link to nothing (elsewhere.nii.gz); bring that file back"),
    "folder": ("a.nii.gz", lambda p: p.mkdir(), "is a folder, expected a file."),
    "other ending": ("a.png", lambda p: p.touch(), "is of no format that can be read as a scan; expected .nii,"),
    "empty file": ("a.nii.gz", lambda p: p.touch(), "is truncated or not a NIfTI image: it is not compressed by gzip."),
    "text": ("a.nii", lambda p: p.write_text("no scan" * 99), "it does not begin as NIfTI files do."),
    "half of a file": ("a.nii.gz", lambda p: cut(nifti(p), 0.5), "truncated or not a NIfTI image: it ends too early."),
    "half of a plain file": ("a.nii", lambda p: cut(nifti(p), 0.8), "its header says 592 bytes and it has 473."),
    "gz that is none": ("a.nii.gz", lambda p: nifti(p.with_suffix("")).rename(p), "not compressed; rename it to .nii."),
    "plain that is gz": ("a.nii", lambda p: nifti(Path(f"{p}.gz")).rename(p), "is compressed; rename it to .nii.gz."),
    "changed byte in gzip": (
        "a.nii.gz",
        lambda p: flip(nifti(p), -100),
        "is damaged: its content does not fit its checksum",
    ),
    "wrong checksum of gzip": (
        "a.nii.gz",
        lambda p: flip(nifti(p), -8),
        "is damaged: its content does not fit its checksum (incorrect data check); copy it anew.",
    ),
    "wrong length of gzip": ("a.nii.gz", lambda p: flip(nifti(p), -1), "(incorrect length check); copy it anew."),
    "bytes behind gzip": (
        "a.nii.gz",
        lambda p: _behind(nifti(p), b"and so on"),
        "is damaged: bytes follow the end of its compressed content; copy it anew.",
    ),
    "more voxels than the header says": (
        "a.nii",
        lambda p: _behind(nifti(p), bytes(5000)),
        "is damaged: its header says 592 bytes, but it has 5592; copy it anew.",
    ),
    "sform of unit scale": (
        "a.nii.gz",
        lambda p: nifti(p, pixdim=[1, 1.3, 1.3, 10], srow_x=[1, 0, 0, 0], srow_y=[0, 1, 0, 0], srow_z=[0, 0, 1, 0]),
        "its sform says voxels of 1 x 1 x 1 mm, its pixdim 1.3 x 1.3 x 10 mm; find out which is true and write it",
    ),
    "sform and qform of two directions": (
        "a.nii",
        _moved_sform,
        "its sform says that the axes point to LAS, its qform RAS; find out which is true",
    ),
    "sform of NaN": ("a.nii", lambda p: nifti(p, srow_x=[np.nan] * 4), "is damaged: its sform holds NaN or infinite"),
    "sform in one plane": (
        "a.nii",
        lambda p: nifti(p, srow_x=[1.5, 0, 0, 0], srow_y=[0, 1, 2, 0], srow_z=[0, 0, 0, 0]),
        "its three axes lie in one plane; correct the directions in its header.",
    ),
    "voxel size of 0": (
        "a.nii.gz",
        lambda p: without_sform(p, pixdim=[1, 0, 1, 1]),
        "its header gives a voxel size (pixdim) of 0 x 1 x 1 mm; write the true size into it.",
    ),
    "negative voxel size": ("a.nii", lambda p: without_sform(p, pixdim=[1, -1, 1, 1]), "(pixdim) of -1 x 1 x 1 mm;"),
    "voxel size of NaN": ("a.nii", lambda p: without_sform(p, pixdim=[1, np.nan, 1, 1]), "(pixdim) of nan x 1 x 1 mm;"),
    "voxels of two metres": (
        "a.nii",
        lambda p: without_sform(p, pixdim=[1, 2, 2, 2], xyzt_units=1),
        "its voxel size is 2000 x 2000 x 2000 mm, expected 0.0001 to 1000 mm; correct its header.",
    ),
    "unknown unit": (
        "a.nii",
        lambda p: nifti(p, xyzt_units=5),
        "its unit of length has code 5, expected 1 (m), 2 (mm)",
    ),
    "unknown form": ("a.nii", lambda p: nifti(p, sform_code=77), "damaged: its sform has code 77, expected 0 to 5;"),
    "qform that is no rotation": (
        "a.nii",
        lambda p: nifti(p, sform_code=0, qform_code=1, quatern_b=0.9, quatern_c=0.9),
        "is damaged: its qform is no rotation; copy it anew.",
    ),
    "voxels of type 0": (
        "a.nii",
        lambda p: nifti(p, datatype=0),
        "its voxels are of type 0, which NIfTI does not have",
    ),
    "colours": ("a.nii", lambda p: nifti(p, RGB), "its voxels are colours (RGB), expected one number each;"),
    "complex numbers": (
        "a.nii",
        lambda p: nifti(p, VOXELS * 1j),
        "its voxels are complex numbers, expected one number",
    ),
    "two axes": (
        "a.nii",
        lambda p: nifti(p, VOXELS[..., 0]),
        "it is flat, 4 x 5 voxels, expected three axes; give the",
    ),
    "five axes": (
        "a.nii",
        lambda p: nifti(p, np.zeros((2, 2, 2, 2, 2), np.uint8)),
        "it has 5 axes, 2 x 2 x 2 x 2 x 2, expected three, or four with channels; store one point in time.",
    ),
    "an axis without voxels": (
        "a.nii",
        lambda p: nifti(p, dim=[3, 4, 0, 6]),
        "is damaged: its header says 4 x 0 x 6 voxels, expected at least one along each axis; copy it anew.",
    ),
    "negative number of voxels": ("a.nii", lambda p: nifti(p, dim=[3, 4, -5, 6]), "its header says 4 x -5 x 6 voxels"),
    "terabytes of voxels": (
        "a.nii.gz",
        lambda p: nifti(p, dim=[3, 30000, 30000, 30000]),
        "its header says 30000 x 30000 x 30000 voxels, 5.4e+13 bytes, more than the file can hold; copy it anew.",
    ),
    "axes without number": ("a.nii", lambda p: nifti(p, dim=[99]), "its header says 99 axes, expected 1 to 7;"),
    "intercept of NaN": (
        "a.nii",
        lambda p: nifti(p, scl_slope=2, scl_inter=np.nan),
        "is damaged: its intensities are scaled by 2 and moved by nan, expected finite numbers; copy it anew.",
    ),
    "endless slope": ("a.nii", lambda p: nifti(p, scl_slope=np.inf, scl_inter=0), "are scaled by inf and moved by 0,"),
    "voxels within the header": (
        "a.nii",
        lambda p: nifti(p, vox_offset=16),
        "voxels begin at byte 16, expected 352 or",
    ),
    "voxels in another file": ("a.nii", lambda p: nifti(p, magic=b"ni1"), "its voxels are in another file (.img);"),
    "no NIfTI mark": ("a.nii", lambda p: nifti(p, magic=b"n?"), "its header does not say 'n+1', as those of NIfTI do;"),
    "NRRD of text": ("a.nrrd", lambda p: p.write_text("no scan"), "is truncated or not an NRRD volume: "),
    "half of an NRRD": ("a.nrrd", lambda p: cut(itk(p, packed=True), 0.8), "is truncated or not an NRRD volume: "),
    "changed byte in NRRD": (
        "a.nrrd",
        lambda p: flip(itk(p, packed=True), -40),
        "is truncated or not an NRRD volume: ",
    ),
    "flat NRRD": ("a.nrrd", lambda p: itk(p, VOXELS[..., 0]), "it is flat, 4 x 5 voxels, expected three axes;"),
    "NRRD without voxel size": (
        "a.nrrd",
        lambda p: p.write_bytes(b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n\n12345678"),
        "its header says no voxel size; write the true size in mm into it.",
    ),
    "NRRD of colours": (
        "a.nrrd",
        lambda p: edit(itk(p, np.zeros((4, 5, 6, 3), np.uint8), vectors=True), b"kinds: vector", b"kinds: RGB-color"),
        "its voxels are colours (RGB), expected one number each;",
    ),
    "NRRD header without its data": (
        "a.nhdr",
        _beside,
        "its voxels should be in a.raw, which is not there; put it beside the header.",
    ),
    "half of a MetaImage": ("a.mha", lambda p: cut(itk(p), 0.8), "is truncated or not a MetaImage volume: "),
    "changed byte in MetaImage": (
        "a.mha",
        lambda p: flip(itk(p, packed=True), -40),
        "is damaged: its content does not fit its checksum; copy it anew.",
    ),
    "MetaImage without voxel size": (
        "a.mha",
        lambda p: edit(itk(p), b"ElementSpacing = 1.5 1 2\n", b""),
        "its header says no voxel size; write the true size in mm into it.",
    ),
    "MetaImage of -3 axes": (
        "a.mha",
        lambda p: edit(itk(p), b"NDims = 3", b"NDims =-3"),
        "is truncated or not a MetaImage volume: its header says -3 axes (NDims).",
    ),
    "NRRD of complex numbers": (
        "a.nrrd",
        lambda p: itk(p, VOXELS.astype(np.complex64)),
        "its voxels are complex64, expected one number each; store each as a number.",
    ),
    "HDF5 without image": (
        "a.h5",
        lambda p: _hdf5(p, name="volume"),
        "it has no data set 'image' but volume; name the voxels 'image'.",
    ),
    "HDF5 with a group": ("a.h5", lambda p: _hdf5(p, name="image/of"), "its 'image' is a group, expected an array;"),
    "HDF5 of text": (
        "a.h5",
        lambda p: _hdf5(p, b"words"),
        "its 'image' holds object, expected numbers; store one number",
    ),
    "flat HDF5": ("a.hdf5", lambda p: _hdf5(p, VOXELS[0]), "its 'image' has 2 axes, expected three, or four with"),
    "half of an HDF5": ("a.h5", lambda p: cut(_hdf5(p), 0.7), "is truncated or not an HDF5 file: "),
}


@pytest.mark.parametrize(("name", "make", "told"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_input_gets_its_own_sentence(
    name: str, make: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        read_scan(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path} ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_the_files_that_were_spoiled_are_sound_before(tmp_path: Path) -> None:
    for path in (
        nifti(tmp_path / "a.nii"),
        nifti(tmp_path / "a.nii.gz"),
        itk(tmp_path / "a.nrrd"),
        itk(tmp_path / "a.mha"),
    ):
        volume = read_scan(path)
        np.testing.assert_array_equal(volume.array, VOXELS)
        assert volume.spacing_mm == pytest.approx((1.5, 1, 2))
    np.testing.assert_array_equal(read_scan(_hdf5(tmp_path / "a.h5")).array, VOXELS)

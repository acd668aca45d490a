import gzip
import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.nifti import read_nifti
from tests.simcvd.scans.scan_files import AFFINE, VOXELS, nifti, without_sform

OBLIQUE = np.array([[0, -2, 0.3, 5], [1.0, 0, 0, 6], [0, 0.2, 3, 7], [0, 0, 0, 1]])
REAL_DATA = Path(os.environ.get("SIMCVD_REAL_DATA", "no folder"))


def assert_equals_nibabel(path: Path) -> None:
    image: Any = nibabel.load(path)
    volume = read_nifti(path)
    expected = np.asanyarray(image.dataobj)
    assert volume.array.dtype == expected.dtype
    np.testing.assert_array_equal(volume.array, expected)
    np.testing.assert_array_equal(volume.affine, image.affine)
    np.testing.assert_allclose(volume.spacing_mm, image.header.get_zooms(), rtol=1e-5)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".NII.GZ"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<u4", "<f4", ">f8"])
def test_voxels_and_affine_are_those_that_nibabel_reads(ending: str, dtype: str, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS.astype(dtype), OBLIQUE)
    if dtype[0] == ">":
        image = nibabel.Nifti1Image(VOXELS.astype(dtype), OBLIQUE, nibabel.Nifti1Header(endianness=">"))
    nibabel.save(image, tmp_path / f"plain{ending.lower()}")
    (tmp_path / f"plain{ending.lower()}").rename(tmp_path / f"a{ending}")
    assert_equals_nibabel(tmp_path / f"a{ending}")


@pytest.mark.parametrize("scaling", [(2.0, 0.0), (1 / 255, -3.5), (0.0, 7.0), (-1.0, 10.0), (np.nan, np.nan)])
def test_scaled_intensities_are_those_that_nibabel_reads(scaling: tuple[float, float], tmp_path: Path) -> None:
    assert_equals_nibabel(nifti(tmp_path / "a.nii.gz", scl_slope=scaling[0], scl_inter=scaling[1]))


def test_forms_are_those_that_nibabel_prefers(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, OBLIQUE)
    turned = np.diag([-1.0, -2, 3, 1])
    for s_code, q_code in ((1, 0), (0, 1), (2, 1), (0, 0)):
        image.set_sform(OBLIQUE if s_code == 1 else AFFINE, s_code)
        image.set_qform(AFFINE if s_code == 2 else turned, q_code)
        if s_code == 1:
            image.header.set_zooms(np.linalg.norm(OBLIQUE[:3, :3], axis=0))
        nibabel.save(image, tmp_path / "a.nii")
        assert_equals_nibabel(tmp_path / "a.nii")


def test_second_version_extensions_and_several_gzip_members_are_read(tmp_path: Path) -> None:
    image: Any = nibabel.Nifti2Image(VOXELS, OBLIQUE)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"long " * 500))
    nibabel.save(image, tmp_path / "a.nii")
    assert_equals_nibabel(tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    parts = [gzip.compress(content[at : at + 700]) for at in range(0, len(content), 700)]
    (tmp_path / "a.nii.gz").write_bytes(b"".join(parts) + bytes(600))
    assert_equals_nibabel(tmp_path / "a.nii.gz")


def test_units_are_brought_to_millimetres_and_none_is_taken_as_such(tmp_path: Path) -> None:
    for code, factor in ((0, 1.0), (1, 1e3), (2, 1.0), (3, 1e-3), (8, 1.0), (2 + 16, 1.0), (3 + 56, 1e-3)):
        size = 0.25 / factor
        path = without_sform(tmp_path / "a.nii", pixdim=[1, size, size, 2 * size], xyzt_units=code)
        assert read_nifti(path).spacing_mm == pytest.approx((0.25, 0.25, 0.5))
        form = {f"srow_{axis}": np.diag([size, size, 2 * size, 1])[at] for at, axis in enumerate("xyz")}
        path = nifti(tmp_path / "b.nii", pixdim=[1, size, size, 2 * size], xyzt_units=code, **form)
        assert read_nifti(path).spacing_mm == pytest.approx((0.25, 0.25, 0.5))


def test_sizes_that_differ_by_rounding_alone_are_one_size(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", pixdim=[1, 1.499, 1.001, 2.01])
    assert read_nifti(path).spacing_mm == (1.5, 1, 2)
    with pytest.raises(UserError, match=r"voxels of 1\.5 x 1 x 2 mm, its pixdim 1\.5 x 1 x 2\.05 mm"):
        read_nifti(nifti(tmp_path / "a.nii", pixdim=[1, 1.5, 1, 2.05]))


def test_an_sform_beside_no_voxel_size_decides(tmp_path: Path) -> None:
    assert read_nifti(nifti(tmp_path / "a.nii", pixdim=[1, 0, 0, 0])).spacing_mm == (1.5, 1, 2)


def test_an_sform_turned_a_little_against_the_qform_is_taken(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, AFFINE)
    cosine, sine = np.cos(0.6), np.sin(0.6)
    turned = np.array([[cosine, -sine, 0, 0], [sine, cosine, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ AFFINE
    image.set_sform(turned, 2)
    image.set_qform(AFFINE, 1)
    nibabel.save(image, tmp_path / "a.nii")
    assert_equals_nibabel(tmp_path / "a.nii")


@pytest.mark.parametrize("shape", [(4, 5, 1), (1, 5, 6)])
def test_a_volume_of_one_slice_is_a_volume(shape: tuple[int, ...], tmp_path: Path) -> None:
    assert read_nifti(nifti(tmp_path / "a.nii", np.ones(shape, np.int16))).shape == shape


def test_channels_are_on_the_fourth_axis_or_on_the_fifth_behind_one_time(tmp_path: Path) -> None:
    stacked = np.stack([VOXELS, VOXELS + 100], axis=-1)
    expected = np.stack([VOXELS, VOXELS + 100])
    np.testing.assert_array_equal(read_nifti(nifti(tmp_path / "a.nii.gz", stacked)).array, expected)
    vectors = stacked[:, :, :, np.newaxis]
    np.testing.assert_array_equal(read_nifti(nifti(tmp_path / "a.nii.gz", vectors)).array, expected)
    for axes in (1, 2):
        alone = VOXELS.reshape(*VOXELS.shape, *(1,) * axes)
        np.testing.assert_array_equal(read_nifti(nifti(tmp_path / "a.nii.gz", alone)).array, VOXELS)


def test_voxels_are_mapped_or_unpacked_once_and_can_be_written_to(tmp_path: Path) -> None:
    plain, packed = read_nifti(nifti(tmp_path / "a.nii")), read_nifti(nifti(tmp_path / "a.nii.gz"))
    assert isinstance(plain.array, np.memmap)
    assert isinstance(packed.array.base, bytearray)
    for volume in (plain, packed):
        volume.array[0, 0, 0] = 1
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii").array, VOXELS)


@pytest.mark.skipif(not (REAL_DATA / "hippocampus").is_dir(), reason="needs SIMCVD_REAL_DATA")
def test_real_scans_are_those_that_nibabel_reads() -> None:
    paths = sorted((REAL_DATA / "hippocampus").rglob("hippocampus_*.nii.gz"))[::8]
    assert paths
    for path in paths:
        assert_equals_nibabel(path)

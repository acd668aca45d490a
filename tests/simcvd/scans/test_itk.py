from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses

from simcvd.scans.itk import read_metaimage, read_nrrd
from simcvd.scans.nifti import read_nifti
from simcvd.scans.volume import Volume
from tests.simcvd.scans.scan_files import VOXELS, edit, itk

TURNED = np.array([[0, -2, 0, 5], [1.0, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
READERS: list[tuple[Callable[[Path], Volume], str]] = [
    (read_nrrd, ".nrrd"),
    (read_nrrd, ".nhdr"),
    (read_metaimage, ".mha"),
    (read_metaimage, ".mhd"),
]
FORMATS = pytest.mark.parametrize(("read", "ending"), READERS)


@FORMATS
@pytest.mark.parametrize("packed", [False, True])
def test_a_scan_agrees_with_nifti_of_the_same(
    read: Callable[[Path], Volume], ending: str, packed: bool, tmp_path: Path
) -> None:
    angle = 0.3
    oblique = np.eye(4)
    oblique[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    for affine in (TURNED, oblique @ np.diag([-1.0, 2, 3, 1])):
        nibabel.save(nibabel.Nifti1Image(VOXELS, affine), tmp_path / "a.nii")
        sitk.WriteImage(sitk.ReadImage(str(tmp_path / "a.nii")), str(tmp_path / f"a{ending}"), packed)
        nifti, volume = read_nifti(tmp_path / "a.nii"), read(tmp_path / f"a{ending}")
        np.testing.assert_array_equal(volume.array, nifti.array)
        np.testing.assert_allclose(volume.affine, nifti.affine, atol=1e-5)
        assert volume.spacing_mm == pytest.approx(nifti.spacing_mm)


@FORMATS
def test_numbers_of_one_voxel_are_channels(read: Callable[[Path], Volume], ending: str, tmp_path: Path) -> None:
    stacked = np.stack([VOXELS, VOXELS + 100, -VOXELS], axis=-1)
    volume = read(itk(tmp_path / f"a{ending}", stacked, vectors=True))
    np.testing.assert_array_equal(volume.array, np.moveaxis(stacked, -1, 0))
    assert volume.spacing_mm == pytest.approx((1.5, 1, 2))


@FORMATS
def test_a_fourth_axis_holds_channels(read: Callable[[Path], Volume], ending: str, tmp_path: Path) -> None:
    stacked = np.stack([VOXELS, VOXELS + 100], axis=-1)
    volume = read(itk(tmp_path / f"a{ending}", stacked))
    np.testing.assert_array_equal(volume.array, np.moveaxis(stacked, -1, 0))
    assert volume.spacing_mm == pytest.approx((1.5, 1, 2))
    np.testing.assert_array_equal(read(itk(tmp_path / f"b{ending}", VOXELS[..., None])).array, VOXELS)


def test_a_space_that_points_right_and_to_the_front_is_kept(tmp_path: Path) -> None:
    path = edit(itk(tmp_path / "a.nrrd"), b"left-posterior-superior", b"right-anterior-superior")
    np.testing.assert_allclose(read_nrrd(path).affine, np.diag([1.5, 1, 2, 1]), atol=1e-12)
    itk(tmp_path / "b.nrrd")
    np.testing.assert_allclose(read_nrrd(tmp_path / "b.nrrd").affine, np.diag([-1.5, -1, 2, 1]), atol=1e-12)


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<i4", "<f4", "<f8"])
def test_packed_metaimage_of_any_numbers_passes_its_checksum(dtype: str, tmp_path: Path) -> None:
    path = itk(tmp_path / "a.mha", VOXELS.astype(dtype), packed=True)
    np.testing.assert_array_equal(read_metaimage(path).array, VOXELS.astype(dtype))


def test_packed_metaimage_of_the_other_byte_order_passes_its_checksum(tmp_path: Path) -> None:
    swapped = itk(tmp_path / "a.mha", VOXELS.byteswap(), packed=True)
    path = edit(swapped, b"BinaryDataByteOrderMSB = False", b"BinaryDataByteOrderMSB = True")
    np.testing.assert_array_equal(read_metaimage(path).array, VOXELS)


def test_voxels_written_as_text_and_sizes_named_otherwise_are_read(tmp_path: Path) -> None:
    image: Any = sitk.GetImageFromArray(VOXELS.transpose(2, 1, 0))
    words = " ".join(map(str, VOXELS.transpose(2, 1, 0).reshape(-1)))
    (tmp_path / "a.mha").write_text(
        "ObjectType = Image\nNDims = 3\nBinaryData = False\nElementSize = 1.5 1 2\nDimSize = 4 5 6\n"
        f"ElementType = MET_SHORT\nElementDataFile = LOCAL\n{words}\n"
    )
    (tmp_path / "a.nrrd").write_text(
        f"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 5 6\nspacings: 1.5 1 2\nencoding: ascii\n\n{words}\n"
    )
    for volume in (read_metaimage(tmp_path / "a.mha"), read_nrrd(tmp_path / "a.nrrd")):
        np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image).transpose(2, 1, 0))
        assert volume.spacing_mm == pytest.approx((1.5, 1, 2))

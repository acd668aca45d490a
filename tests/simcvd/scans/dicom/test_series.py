import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses
from pydicom.data import get_testdata_file
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRBigEndian, ImplicitVRLittleEndian

from simcvd.errors import UserError
from simcvd.scans.dicom.file import read_file, stored_values
from simcvd.scans.dicom.series import open_series, read_series
from simcvd.scans.volume import Volume
from tests.simcvd.scans.dicom.tiny_series import affine, dataset, pixels, save, sequence, slices, stored, write


def by_itk(folder: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the voxels `[X, Y, Z]` and the affine that ITK's own reader gives."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    where = np.eye(4)
    where[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    where[:3, 3] = image.GetOrigin()
    where[:2] *= -1
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), where


def assert_as_itk(volume: Volume, folder: Path) -> None:
    array, where = by_itk(folder)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, where, atol=1e-5)


@pytest.mark.parametrize("name", ["hippocampus_crop", "brain_t1_post"])
def test_real_series_equal_those_of_itk(name: str) -> None:
    if "SIMCVD_REAL_DATA" not in os.environ:
        pytest.skip("SIMCVD_REAL_DATA names no folder with real data")
    folder = Path(os.environ["SIMCVD_REAL_DATA"]) / "dicom" / name
    assert_as_itk(read_series(sorted(folder.iterdir())), folder)


def test_slices_lie_where_their_positions_say_and_not_their_names(tmp_path: Path) -> None:
    values = stored()
    series = slices(values)
    for number, one in enumerate(series):
        one.InstanceNumber = (number * 3) % 7 + 1
        one.SliceThickness = 5.0
    names = ["g", "b/c.dcm", "a.IMA", "d", "e.1", "f", "b/a"]
    files = write(tmp_path, series, names)
    volume = read_series(reversed(files))
    np.testing.assert_array_equal(volume.array, values)
    np.testing.assert_allclose(volume.affine, affine())
    assert (volume.array.dtype, volume.spacing_mm, volume.located) == (np.int16, (0.75, 0.5, 2.5), True)


def test_oblique_series_equal_those_of_itk(tmp_path: Path) -> None:
    turn = np.array(sitk.VersorTransform((0.2, 0.3, 0.1), 0.7).GetMatrix()).reshape(3, 3)
    series = slices(stored(), step=turn[:, 2] * 2.5, axes=[*turn[:, 0], *turn[:, 1]])
    for one in series:
        one.ImagePositionPatient = [round(float(side), 6) for side in one.ImagePositionPatient]
        one.ImageOrientationPatient = [round(float(side), 8) for side in one.ImageOrientationPatient]
    assert_as_itk(read_series(write(tmp_path, series)), tmp_path)


def test_order_against_the_normal_equals_that_of_itk(tmp_path: Path) -> None:
    series = slices(stored(), step=(0, -2.5, 0), axes=(1, 0, 0, 0, 0, -1))
    assert_as_itk(read_series(write(tmp_path, series[::-1])), tmp_path)


def test_rescaled_values_are_whole_where_that_is_exact(tmp_path: Path) -> None:
    values = stored()
    files = write(tmp_path, slices(values, RescaleSlope=2, RescaleIntercept=-1024))
    volume = read_series(files)
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, values * 2 - 1024)
    files = write(tmp_path, slices(values, RescaleSlope=100, RescaleIntercept=0))
    volume = read_series(files)
    assert volume.array.dtype == np.int32
    np.testing.assert_array_equal(volume.array, values.astype(np.int32) * 100)


def test_numbers_of_32_bits_and_large_slopes_do_not_wrap_around(tmp_path: Path) -> None:
    values = stored().astype(np.int32) * 2**20
    volume = read_series(write(tmp_path, slices(values, RescaleSlope=4, RescaleIntercept=0)))
    np.testing.assert_array_equal(volume.array, values.astype(np.float32) * 4)
    small = stored()
    volume = read_series(write(tmp_path, slices(small, RescaleSlope=2**24, RescaleIntercept=0)))
    np.testing.assert_array_equal(volume.array, small.astype(np.float32) * 2**24)


def test_each_slice_has_its_own_rescale_slope(tmp_path: Path) -> None:
    values = stored()
    series = slices(values)
    for number, one in enumerate(series):
        one.RescaleSlope, one.RescaleIntercept = 0.25 * (number + 1), number
    volume = read_series(write(tmp_path, series))
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, values * (0.25 * np.arange(1, 8)) + np.arange(7), rtol=1e-6)


def test_bits_above_the_stored_ones_are_no_values(tmp_path: Path) -> None:
    values = (stored() & 0xFFF).astype(np.uint16)
    series = slices(values | np.uint16(0x5000), BitsStored=12)
    for one in series:
        one.BitsStored, one.HighBit = 12, 11
    np.testing.assert_array_equal(read_series(write(tmp_path, series)).array, values)
    for one in series:
        one.PixelRepresentation = 1
    signed = np.where(values >= 2048, values.astype(int) - 4096, values)
    np.testing.assert_array_equal(read_series(write(tmp_path, series)).array, signed)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_byte_orders_are_read(tmp_path: Path, syntax: Any) -> None:
    values = stored()
    series = slices(values, syntax=syntax)
    if syntax is ExplicitVRBigEndian:
        for one in series:
            one.PixelData = np.frombuffer(one.PixelData, "<i2").astype(">i2").tobytes()
    np.testing.assert_array_equal(read_series(write(tmp_path, series)).array, values)


def test_files_without_a_preamble_are_read(tmp_path: Path) -> None:
    values = stored()
    files = write(tmp_path, slices(values, syntax=ImplicitVRLittleEndian))
    for path in files:
        one = pydicom.dcmread(path)
        del one.file_meta
        one.preamble = None
        one.save_as(path, implicit_vr=True, little_endian=True)
        assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_series(files).array, values)


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"])
def test_compressed_pixels_equal_the_plain_ones(name: str) -> None:
    plain = Path(str(get_testdata_file("MR_small.dcm")))
    packed = Path(str(get_testdata_file(name)))
    np.testing.assert_array_equal(stored_values(read_file(packed), packed), stored_values(read_file(plain), plain))


def test_compressed_series_keep_their_rescale_slope(tmp_path: Path) -> None:
    plain = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
    for number in range(3):
        one = pydicom.dcmread(str(get_testdata_file("MR_small_RLE.dcm")))
        one.ImagePositionPatient = [0, 0, number]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.RescaleSlope, one.RescaleIntercept = 3, number
        save(one, tmp_path / f"{number}.dcm")
    volume = read_series(sorted(tmp_path.iterdir()))
    expected = plain.pixel_array.T[:, :, None].astype(int) * 3 + np.arange(3)
    np.testing.assert_array_equal(volume.array, expected)


def enhanced(values: np.ndarray[Any, Any], order: list[int]) -> pydicom.Dataset:
    made = dataset(EnhancedMRImageStorage, Modality="MR")
    pixels(made, np.ascontiguousarray(values.transpose(2, 1, 0)[order]))
    made.SharedFunctionalGroupsSequence = sequence(
        PlaneOrientationSequence=sequence(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        PixelMeasuresSequence=sequence(PixelSpacing=[0.5, 0.75]),
    )
    made.PerFrameFunctionalGroupsSequence = pydicom.Sequence()
    for index in order:
        made.PerFrameFunctionalGroupsSequence.extend(
            sequence(
                PlanePositionSequence=sequence(ImagePositionPatient=[-10.0, -20.0, 30 + 2.5 * index]),
                PixelValueTransformationSequence=sequence(RescaleSlope=1 + index, RescaleIntercept=-5),
            )
        )
    return made


def test_frames_of_an_enhanced_object_are_slices(tmp_path: Path) -> None:
    values = stored()
    path = save(enhanced(values, [4, 0, 6, 1, 2, 5, 3]), tmp_path / "one")
    volume = read_series([path])
    np.testing.assert_array_equal(volume.array, values.astype(int) * np.arange(1, 8) - 5)
    np.testing.assert_allclose(volume.affine, affine())
    assert open_series([path]).modality == "MR"


def test_one_of_several_series_is_taken_by_name_number_or_uid(tmp_path: Path) -> None:
    first, second = stored(seed=1), stored(seed=2)
    files = write(tmp_path / "a", slices(first))
    files += write(
        tmp_path / "b", slices(second, SeriesInstanceUID="1.9", SeriesNumber=8, SeriesDescription="late phase")
    )
    for wanted in ("late phase", "8", "1.9"):
        np.testing.assert_array_equal(read_series(files, wanted).array, second)
    np.testing.assert_array_equal(read_series(files, "portal venous").array, first)
    with pytest.raises(UserError, match="holds no series 'early', expected one; there are: number 3 'portal venous'"):
        read_series(files, "early")


def test_headers_alone_give_the_grid(tmp_path: Path) -> None:
    files = write(tmp_path, slices(stored()))
    series = open_series(files)
    shutil.rmtree(tmp_path)
    assert (series.shape, series.spacing_mm, series.modality) == ((6, 5, 7), (0.75, 0.5, 2.5), "CT")
    with pytest.raises(UserError, match="does not exist; expected a DICOM file"):
        series.voxels()

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from simcvd.errors import UserError
from simcvd.scans.dicom.segmentation import read_segmentation, segment_names
from simcvd.scans.dicom.series import Series, open_series
from tests.simcvd.scans.dicom.tiny_series import save, segmentation, slices, stored, write

LIVER = np.zeros((6, 5, 7), bool)
LIVER[1:3, 1:4, 2:5] = True
SPLEEN = np.zeros((6, 5, 7), bool)
SPLEEN[4:, 0, 1] = True


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return open_series(write(tmp_path / "scan", slices(stored())))


def test_segments_lie_on_the_voxels_of_their_series(tmp_path: Path, series: Series) -> None:
    path = save(segmentation({"spleen": SPLEEN, "liver": LIVER}, slices(stored())), tmp_path / "seg")
    assert segment_names(path) == {1: "spleen", 2: "liver"}
    label = read_segmentation(path, series)
    np.testing.assert_array_equal(label.array, SPLEEN * 1 + LIVER * 2)
    np.testing.assert_array_equal(label.affine, series.affine)
    named = read_segmentation(path, series, {"liver": 1, "spleen": 2})
    np.testing.assert_array_equal(named.array, SPLEEN * 2 + LIVER)
    assert named.array.dtype == np.uint8


def test_frames_may_run_the_other_way(tmp_path: Path, series: Series) -> None:
    """Rows run to the right and down, from the last pixel of each slice."""
    turned = slices(stored()[::-1, ::-1, ::-1], origin=(-6.25, -18, 45), step=(0, 0, -2.5), axes=(-1, 0, 0, 0, -1, 0))
    path = save(segmentation({"liver": LIVER[::-1, ::-1, ::-1]}, turned), tmp_path / "seg")
    np.testing.assert_array_equal(read_segmentation(path, series).array, LIVER)


def test_frames_may_be_transposed(tmp_path: Path, series: Series) -> None:
    over = slices(stored((5, 6, 7)), axes=(0, 1, 0, 1, 0, 0))
    for one in over:
        one.PixelSpacing = [0.75, 0.5]
    path = save(segmentation({"liver": LIVER.transpose(1, 0, 2)}, over), tmp_path / "seg")
    np.testing.assert_array_equal(read_segmentation(path, series).array, LIVER)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"SegmentationType": "FRACTIONAL"}, "is a segmentation of the type FRACTIONAL, expected BINARY."),
        ({"SegmentSequence": None}, "is no DICOM segmentation: it has no segments."),
        ({"PixelData": b"\0\0"}, "is truncated: it holds 16 pixels, expected 90."),
    ],
)
def test_wrong_segmentations_are_told(tmp_path: Path, series: Series, change: dict[str, object], sentence: str) -> None:
    path = save(segmentation({"liver": LIVER}, slices(stored()), **change), tmp_path / "seg")
    with pytest.raises(UserError, match=sentence):
        read_segmentation(path, series)


def test_another_grid_is_refused(tmp_path: Path, series: Series) -> None:
    moved = slices(stored(), origin=(-10.2, -20, 30))
    path = save(segmentation({"liver": LIVER}, moved), tmp_path / "moved")
    with pytest.raises(UserError, match="lies on other voxels than the series, expected the series' own grid"):
        read_segmentation(path, series)
    beyond = slices(stored(), origin=(-10, -20, 30 + 5 * 2.5))
    path = save(segmentation({"liver": LIVER}, beyond), tmp_path / "beyond")
    with pytest.raises(UserError, match="marks voxels outside of the series"):
        read_segmentation(path, series)


def test_overlapping_segments_are_refused(tmp_path: Path, series: Series) -> None:
    path = save(segmentation({"liver": LIVER, "tumour": LIVER}, slices(stored())), tmp_path / "seg")
    with pytest.raises(UserError, match="has segments that overlap in 6 voxels, expected one class a voxel"):
        read_segmentation(path, series)


def test_segments_need_different_names(tmp_path: Path) -> None:
    made = segmentation({"liver": LIVER, "spleen": SPLEEN}, slices(stored()))
    made.SegmentSequence[1].SegmentLabel = "liver"
    path = save(made, tmp_path / "seg")
    with pytest.raises(UserError, match="names its segments liver, liver; expected different names"):
        segment_names(path)


def test_bits_of_a_real_segmentation_are_read_as_pydicom_reads_them(tmp_path: Path) -> None:
    real = pydicom.dcmread(str(get_testdata_file("liver_1frame.dcm")))
    real.PerFrameFunctionalGroupsSequence = real.PerFrameFunctionalGroupsSequence[:1]
    real.NumberOfFrames = 1
    path = save(real, tmp_path / "liver")
    frame = real.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient
    shared = real.SharedFunctionalGroupsSequence[0]
    made = slices(
        np.zeros((real.Columns, real.Rows, 2), np.int16),
        origin=[float(side) for side in frame],
        axes=[float(side) for side in shared.PlaneOrientationSequence[0].ImageOrientationPatient],
        PixelSpacing=list(shared.PixelMeasuresSequence[0].PixelSpacing),
    )
    label = read_segmentation(path, open_series(write(tmp_path / "scan", made)))
    np.testing.assert_array_equal(label.array[..., 0], real.pixel_array.T)
    assert real.pixel_array.any()

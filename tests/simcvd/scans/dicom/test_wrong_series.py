"""Each way in which files can fail to make a volume, and the sentence that says so."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import (
    BasicTextSRStorage,
    EnhancedCTImageStorage,
    JPEG2000Lossless,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    RTStructureSetStorage,
)

from simcvd.errors import UserError
from simcvd.scans.dicom.series import read_series
from tests.simcvd.scans.dicom.tiny_series import AXIAL, dataset, pixels, save, slices, stored, write

Make = Callable[[Path], list[Path]]
CASES: dict[str, tuple[Make, str]] = {}


def wrong(sentence: str) -> Callable[[Make], Make]:
    def note(make: Make) -> Make:
        CASES[make.__name__] = make, sentence
        return make

    return note


@wrong(
    "2 slices are missing in FOLDER, the first between 32.5 and 37.5 mm where slices are 2.5 mm apart; copy "
    "the whole series."
)
def two_slices_missing(folder: Path) -> list[Path]:
    made = slices(stored())
    return write(folder, [made[index] for index in (0, 1, 3, 5, 6)])


@wrong("3 slices are missing in FOLDER, the first between 30 and 40 mm where slices are 2.5 mm apart; copy")
def three_slices_in_a_row_missing(folder: Path) -> list[Path]:
    made = slices(stored())
    return write(folder, [made[index] for index in (0, 4, 5, 6)])


@wrong(
    "1 of 8 slices in FOLDER lies where another one lies, as with copies, echoes or phases; expected one slice at each "
    "position."
)
def a_slice_twice(folder: Path) -> list[Path]:
    made = slices(stored())
    return write(folder, [*made, made[2]])


@wrong("7 of 14 slices in FOLDER lie where another one lies, as with copies, echoes or phases")
def two_echoes(folder: Path) -> list[Path]:
    return write(folder, [*slices(stored(seed=1)), *slices(stored(seed=2))])


@wrong("6 of 7 slices in FOLDER lie where another one lies")
def all_at_one_place(folder: Path) -> list[Path]:
    return write(folder, slices(stored(), step=(0, 0, 0)))


@wrong("The slices in FOLDER are 2.5 to 3.7 mm apart, expected even distances; resample the scan first, or choose")
def uneven_distances(folder: Path) -> list[Path]:
    made = slices(stored())
    for one in made[4:]:
        one.ImagePositionPatient = [*one.ImagePositionPatient[:2], one.ImagePositionPatient[2] + 1.2]
    return write(folder, made)


@wrong(
    "The slices in FOLDER are moved against each other by up to 4.8 mm (18 degrees of gantry tilt), expected them "
    "straight above each other; correct the tilt first, e.g. with dcm2niix."
)
def gantry_tilt(folder: Path) -> list[Path]:
    return write(folder, slices(stored(), step=(0, 0.8, 2.5)))


@wrong(
    "FOLDER holds 2 series (number 3 'portal venous' with 7 files; number 4 'late' with 7 files); choose one by "
    "--series with its description."
)
def mixed_series(folder: Path) -> list[Path]:
    late = slices(stored(), SeriesInstanceUID="1.9", SeriesNumber=4, SeriesDescription="late")
    return write(folder / "a", slices(stored())) + write(folder / "b", late)


@wrong("The slices in FOLDER have different sizes: 7 of 6 x 5, 1 of 5 x 6 pixels; expected one size.")
def other_size(folder: Path) -> list[Path]:
    odd = slices(stored((5, 6, 1)), origin=(-10, -20, 47.5))
    return write(folder, [*slices(stored()), *odd])


@wrong("The slices in FOLDER have different pixels: 6 of 0.75 x 0.5, 1 of 0.8 x 0.5 mm; expected one size.")
def other_pixel_spacing(folder: Path) -> list[Path]:
    made = slices(stored())
    made[3].PixelSpacing = [0.5, 0.8]
    return write(folder, made)


@wrong(
    "The slices in FOLDER have different orientations: 1 of 7 point elsewhere than the first, as in a localizer; "
    "expected parallel slices."
)
def other_orientation(folder: Path) -> list[Path]:
    made = slices(stored())
    made[3].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    return write(folder, made)


@wrong("The series in FOLDER/000.dcm has one slice; expected at least two.")
def one_slice(folder: Path) -> list[Path]:
    return write(folder, slices(stored((6, 5, 1))))


@wrong(
    "There is no DICOM image, only 1 RT Structure Set Storage, 1 Basic Text SR Storage; expected the slices of a "
    "series."
)
def reports_and_contours_alone(folder: Path) -> list[Path]:
    return write(folder, [dataset(RTStructureSetStorage), dataset(BasicTextSRStorage)])


@wrong("FOLDER/001.dcm is a colour image, expected grey values.")
def colour(folder: Path) -> list[Path]:
    made = slices(stored())
    made[1].SamplesPerPixel, made[1].PhotometricInterpretation = 3, "RGB"
    return write(folder, made)


@wrong("FOLDER/notes.dcm is not a DICOM file.")
def not_dicom(folder: Path) -> list[Path]:
    files = write(folder, slices(stored()))
    (folder / "notes.dcm").write_text("Patient moved.")
    return [*files, folder / "notes.dcm"]


@wrong("FOLDER/empty.dcm is not a DICOM file.")
def empty_file(folder: Path) -> list[Path]:
    files = write(folder, slices(stored()))
    (folder / "empty.dcm").touch()
    return [*files, folder / "empty.dcm"]


@wrong("FOLDER/003.dcm is damaged: it holds 40 bytes of pixels, expected 60; copy it anew.")
def truncated_pixels(folder: Path) -> list[Path]:
    files = write(folder, slices(stored()))
    files[3].write_bytes(files[3].read_bytes()[:-20])
    return files


@wrong("FOLDER/003.dcm is truncated or not a DICOM file: ")
def truncated_header(folder: Path) -> list[Path]:
    files = write(folder, slices(stored()))
    files[3].write_bytes(files[3].read_bytes()[:200])
    return files


@wrong("FOLDER/003.dcm is damaged: it has no pixels; copy it anew.")
def no_pixels(folder: Path) -> list[Path]:
    made = slices(stored())
    del made[3].PixelData
    return write(folder, made)


@wrong(
    "FOLDER/000.dcm can't be used: it is compressed as JPEG 2000 Image Compression (Lossless Only) and can't be "
    "decoded; copy it anew if it is damaged, else decompress it, e.g. with `gdcmconv --raw`."
)
def damaged_compression(folder: Path) -> list[Path]:
    made = slices(stored(), syntax=JPEG2000Lossless)
    for one in made:
        one.PixelData = pydicom.encaps.encapsulate([b"no code stream"])
    return write(folder, made)


@wrong("FOLDER/002.dcm has no usable ImagePositionPatient, so where its pixels are is unknown.")
def no_position(folder: Path) -> list[Path]:
    made = slices(stored())
    del made[2].ImagePositionPatient
    return write(folder, made)


@wrong("FOLDER/002.dcm has no usable ImageOrientationPatient: its two directions are not at right angles.")
def directions_that_are_none(folder: Path) -> list[Path]:
    made = slices(stored())
    made[2].ImageOrientationPatient = [1, 0, 0, 1, 0, 0]
    return write(folder, made)


@wrong("FOLDER/000.dcm has pixels of 0 x 0.75 mm, expected positive numbers.")
def pixels_without_size(folder: Path) -> list[Path]:
    made = slices(stored())
    made[0].PixelSpacing = [0, 0.75]
    return write(folder, made)


@wrong("FOLDER/movie has 7 frames but does not say where they are.")
def frames_without_places(folder: Path) -> list[Path]:
    made = dataset(MultiFrameGrayscaleWordSecondaryCaptureImageStorage)
    pixels(made, np.ascontiguousarray(stored().transpose(2, 1, 0)))
    return [save(made, folder / "movie")]


@wrong("FOLDER/many has 1 frames but places 2.")
def frames_that_do_not_count(folder: Path) -> list[Path]:
    made = dataset(EnhancedCTImageStorage)
    pixels(made, stored((6, 5, 1))[:, :, 0].T)
    made.PerFrameFunctionalGroupsSequence = pydicom.Sequence([pydicom.Dataset(), pydicom.Dataset()])
    return [save(made, folder / "many")]


@wrong("FOLDER/000.dcm has no rows and 6 columns, expected pixels.")
def no_size(folder: Path) -> list[Path]:
    made = slices(stored())
    del made[0].Rows
    return write(folder, made)


@wrong("FOLDER/000.dcm gives its unit by a look-up table, expected a rescale slope and intercept.")
def look_up_table(folder: Path) -> list[Path]:
    table = pydicom.Dataset()
    table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [2, 0, 16], "HU", b"\0\0\1\0"
    made = slices(stored())
    for one in made:
        one.ModalityLUTSequence = pydicom.Sequence([table])
    return write(folder, made)


@pytest.mark.parametrize("name", CASES)
def test_wrong_series_are_told_in_one_sentence(name: str, tmp_path: Path) -> None:
    make, sentence = CASES[name]
    with pytest.raises(UserError) as raised:
        read_series(make(tmp_path))
    told = str(raised.value)
    assert told.startswith(sentence.replace("FOLDER", str(tmp_path)))
    assert told.endswith(".")
    assert "\n" not in told


def test_small_unevenness_of_headers_does_no_harm(tmp_path: Path) -> None:
    made = slices(stored())
    for number, one in enumerate(made):
        one.ImagePositionPatient = [-10.004, -19.996, 30 + 2.5 * number + 0.02 * (-1) ** number]
        one.ImageOrientationPatient = [*AXIAL[:5], 1e-6]
    assert read_series(write(tmp_path, made)).spacing_mm == pytest.approx((0.75, 0.5, 2.5), abs=1e-2)


def test_reports_beside_slices_are_left_out(tmp_path: Path) -> None:
    values = stored()
    files = write(tmp_path, slices(values)) + write(tmp_path / "more", [dataset(RTStructureSetStorage)])
    np.testing.assert_array_equal(read_series(files).array, values)


@pytest.mark.parametrize("name", ["rtplan.dcm", "rtdose.dcm", "liver_1frame.dcm", "reportsi.dcm", "waveform_ecg.dcm"])
def test_real_objects_that_are_no_images_are_told(name: str) -> None:
    with pytest.raises(UserError, match="There is no DICOM image, only 1 "):
        read_series([Path(str(get_testdata_file(name)))])


@pytest.mark.parametrize("packed", [False, True])
def test_pixels_beyond_memory_are_told_before_memory_is_taken(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = slices(stored(), **({"syntax": JPEG2000Lossless} if packed else {}))
    for one in made if packed else ():
        one.PixelData = pydicom.encaps.encapsulate([b"no code stream"])
    paths = write(tmp_path, made)
    x, y, z = stored().shape
    monkeypatch.setattr("simcvd.scans.reading.available_bytes", lambda: 4 * x * y - 1)
    with pytest.raises(UserError, match=rf"its header says 1 x {y} x {x} voxels, for which .* GB of memory are needed"):
        read_series(paths)
    if not packed:
        monkeypatch.setattr("simcvd.scans.reading.available_bytes", lambda: 4 * x * y * z - 1)
        with pytest.raises(UserError, match=rf"its header says {x} x {y} x {z} voxels, for which .* GB of memory are"):
            read_series(paths)

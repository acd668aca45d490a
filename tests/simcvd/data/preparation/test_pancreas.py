"""Folders in the layout of TCIA's Pancreas-CT: DICOM series, and NIfTI labels whose headers say nothing true."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.pancreas import PREPROCESSING, find_cases, prepare_pancreas
from simcvd.data.preparation.prepare import PrepareReport
from simcvd.data.store import open_case
from simcvd.errors import UserError
from simcvd.scans.nifti import read_nifti
from simcvd.scans.resampling import resample_image, resample_label
from tests.simcvd.data.preparation.tiny_abdomen import abdomen
from tests.simcvd.scans.dicom.tiny_series import slices, write

Array = np.ndarray[Any, Any]
PIXEL_MM, SLICE_MM = 0.8, 1.25


def run(source: Path, target: Path, **options: Any) -> PrepareReport:
    return prepare_pancreas(source, target, PrepareOptions(**{"workers": 2} | options))


def series_folder(root: Path, number: int) -> Path:
    study = f"11-24-2015-PANCREAS{number:04d}-Pancreas-18957"
    return root / "Pancreas-CT" / f"PANCREAS_{number:04d}" / study / "Pancreas-63502"


def write_scan(root: Path, number: int, scan: Array) -> None:
    """Store HU as scanners do, with an offset; files are numbered against their positions."""
    files = slices(
        (scan + 1024).astype(np.int16),
        origin=(-150, -160, -40 * number),
        step=(0, 0, SLICE_MM),
        PixelSpacing=[PIXEL_MM, PIXEL_MM],
        RescaleIntercept=-1024,
        RescaleSlope=1,
    )
    write(series_folder(root, number), files[::-1], [f"1-{index:03d}.dcm" for index in range(1, len(files) + 1)])


def write_label(root: Path, number: int, label: Array, mirrored: Sequence[int] = (1,)) -> None:
    folder = root / "TCIA_pancreas_labels-02-05-2017"
    folder.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(np.flip(label, mirrored), np.eye(4))  # type: ignore[no-untyped-call]
    nibabel.save(image, folder / f"label{number:04d}.nii.gz")  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "tcia"
    for number in range(1, 5):
        scan, label = abdomen(number)
        write_scan(root, number, scan)
        write_label(root, number, label, (0, 1) if number == 2 else (1,))
    return root


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """Return four cases; all labels are mirrored along Y, that of the second along X as well."""
    return Path(shutil.copytree(template, tmp_path / "tcia"))


def by_hand(number: int) -> tuple[Array, Array]:
    """Return what the case file should hold: RAS, 1 mm, 25 voxels of margin, window, then mean 0 and deviation 1."""
    scan, label = (array[::-1, ::-1] for array in abdomen(number))
    own, target = (PIXEL_MM, PIXEL_MM, SLICE_MM), (1.0, 1.0, 1.0)
    image = resample_image(scan[np.newaxis], own, target)[0]
    mask = resample_label(label, own, target)
    box = []
    for axis in range(3):
        occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(occupied[0] - 25, 0), occupied[-1] + 26))
    kept = np.clip(image[tuple(box)], -125, 275).astype(np.float64)
    return (kept - kept.mean()) / kept.std(), mask[tuple(box)]


def test_scans_are_prepared_as_the_field_has_them(folder: Path, tmp_path: Path) -> None:
    report = run(folder, tmp_path / "set")
    info = report.info
    assert (info.preset, info.classes, info.channels) == ("pancreas", ("pancreas",), ("CT",))
    assert info.label_guided_crop
    assert info.preprocessing == PREPROCESSING
    assert info.spacing_mm == (1.0, 1.0, 1.0)
    for number in range(1, 5):
        case = open_case(tmp_path / "set", f"PANCREAS_{number:04d}", with_label=True)
        image, mask = by_hand(number)
        np.testing.assert_allclose(case.image[0], image, atol=1e-4)
        np.testing.assert_array_equal(case.label, mask)
    assert report.notes == (
        "76 of the collection's 80 scans are missing: 0005, 0006, 0007 and 73 more.",
        "0025 and 0070 are not there, as they were withdrawn; published numbers may include them.",
        "The label of 3 scans was mirrored along Y to lie on the organ, that of 1 along X and Y.",
    )


def test_margin_is_25_voxels_on_every_side(tmp_path: Path) -> None:
    scan, label = np.full((90, 90, 66), -100, np.int16), np.zeros((90, 90, 66), np.uint8)
    label[42:50, 40:44, 30:34] = 1
    scan[label == 1] = 100
    write_scan(tmp_path / "tcia", 1, scan[:, :, ::1])
    write_label(tmp_path / "tcia", 1, label)
    run(tmp_path / "tcia", tmp_path / "set")
    case = open_case(tmp_path / "set", "PANCREAS_0001", with_label=True)
    for axis in range(3):
        occupied = np.flatnonzero(case.label.any(axis=tuple(other for other in range(3) if other != axis)))
        assert (occupied[0], case.label.shape[axis] - 1 - occupied[-1]) == (25, 25)


def test_label_that_does_not_tell_how_it_lies_is_named(folder: Path, tmp_path: Path) -> None:
    scan, label = abdomen(3)
    symmetric = [np.concatenate([half, half[:, :, ::-1]], axis=2) for half in (scan[:, :, :8], label[:, :, :8])]
    shutil.rmtree(series_folder(folder, 3))
    write_scan(folder, 3, symmetric[0])
    write_label(folder, 3, symmetric[1])
    assert run(folder, tmp_path / "set").notes[-1] == (
        "How the label lies is not clear from the scan for PANCREAS_0003; look at it with simcvd inspect --html."
    )


def whole_collection(root: Path, numbers: Sequence[int]) -> None:
    """Write scans of two slices; only the pixels at the end of a file differ between cases."""
    scan, label = abdomen(0, (10, 10, 2))
    label[:] = 0
    label[4:6, 2:4] = 1
    write_scan(root, 1, scan)
    heads = {path.name: path.read_bytes()[: -scan[..., 0].size * 2] for path in series_folder(root, 1).iterdir()}
    generator = np.random.default_rng(1)
    for number in numbers:
        series_folder(root, number).mkdir(parents=True, exist_ok=True)
        for name, head in heads.items():
            plane = generator.normal(924, 10, (10, 10))
            plane[6:8, 4:6] = plane[2:4, 4:6] = 1104
            (series_folder(root, number) / name).write_bytes(head + plane.astype(np.int16).tobytes())
        write_label(root, number, label)
    if 1 not in numbers:
        shutil.rmtree(root / "Pancreas-CT" / "PANCREAS_0001")


@pytest.mark.parametrize("withdrawn", [True, False])
def test_20_are_the_test_and_never_the_withdrawn_ones(withdrawn: bool, tmp_path: Path) -> None:
    numbers = [number for number in range(1, 83) if withdrawn or number not in (25, 70)]
    whole_collection(tmp_path, numbers)
    found = find_cases(tmp_path, lambda case: read_nifti(case.label or tmp_path))
    assert found.lists is not None
    test = [number for number in range(62, 83) if number != 70]
    assert found.lists.splits.test == tuple(f"PANCREAS_{number:04d}" for number in test)
    assert found.lists.train is not None
    assert len(found.lists.train) == (62 if withdrawn else 60)
    assert found.lists.train[:24] == tuple(f"PANCREAS_{number:04d}" for number in range(1, 25))
    told = "0025 and 0070 show the scan 0002 again and were withdrawn; they are in no test."
    if not withdrawn:
        told = "0025 and 0070 are not there, as they were withdrawn; published numbers may include them."
    assert found.notes == (told,)


@pytest.mark.slow
def test_62_train_and_20_test_with_12_labelled(tmp_path: Path) -> None:
    whole_collection(tmp_path / "tcia", range(1, 83))
    splits = run(tmp_path / "tcia", tmp_path / "set").info.splits
    assert [len(ids) for _, ids in splits.items()] == [12, 50, 0, 20]
    assert splits.train_labeled == tuple(f"PANCREAS_{number:04d}" for number in range(1, 13))


def test_a_part_of_the_collection_is_split_alike(tmp_path: Path) -> None:
    whole_collection(tmp_path / "tcia", range(3, 11))
    splits = run(tmp_path / "tcia", tmp_path / "set").info.splits
    assert [len(ids) for _, ids in splits.items()] == [1, 5, 0, 2]


def test_counts_of_a_person_win(folder: Path, tmp_path: Path) -> None:
    splits = run(folder, tmp_path / "set", labeled=2, test=1, val=1).info.splits
    assert [len(ids) for _, ids in splits.items()] == [2, 0, 1, 1]


def no_label(folder: Path) -> None:
    (folder / "TCIA_pancreas_labels-02-05-2017" / "label0003.nii.gz").unlink()


def no_image(folder: Path) -> None:
    shutil.rmtree(series_folder(folder, 3))


def other_shape(folder: Path) -> None:
    write_label(folder, 3, abdomen(3)[1][:, :, :-1])


def label_of_another_organ(folder: Path) -> None:
    scan, _ = abdomen(3)
    write_label(folder, 3, (scan > 300).astype(np.uint8))


def missing_slice(folder: Path) -> None:
    (series_folder(folder, 3) / "1-005.dcm").unlink()


@pytest.mark.parametrize(
    ("spoil", "clause"),
    [
        (no_label, "it has no label, expected label0003.nii.gz"),
        (no_image, "FOLDER/Pancreas-CT/PANCREAS_0003 has no DICOM image, expected a series"),
        (other_shape, "the label has shape 40 x 32 x 15, expected the image's 40 x 32 x 16"),
        (
            label_of_another_organ,
            "at most 0% of the label lies in soft tissue (0 to 200 HU) however its axes are mirrored",
        ),
        (missing_slice, "1 slice is missing in FOLDER/Pancreas-CT/PANCREAS_0003/"),
    ],
)
def test_a_bad_case_is_told_and_can_be_left_out(spoil: Any, clause: str, folder: Path, tmp_path: Path) -> None:
    spoil(folder)
    with pytest.raises(UserError) as raised:
        run(folder, tmp_path / "set")
    assert str(raised.value).startswith(f"Case PANCREAS_0003: {clause.replace('FOLDER', str(folder))}")
    assert list(run(folder, tmp_path / "set", skip_bad=True).left_out) == ["PANCREAS_0003"]


def test_downloads_that_are_not_complete_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no folder"):
        run(tmp_path / "none", tmp_path / "set")
    with pytest.raises(UserError, match=r"has no folder PANCREAS_0001, PANCREAS_0002, ...; expected the scans"):
        run(folder / "TCIA_pancreas_labels-02-05-2017", tmp_path / "set")
    with pytest.raises(UserError, match=r"has no label0001.nii.gz, .*; unpack TCIA_pancreas_labels-02-05-2017.zip"):
        run(folder / "Pancreas-CT", tmp_path / "set")
    (folder / "more" / "PANCREAS_0002").mkdir(parents=True)
    with pytest.raises(UserError, match="Two folders hold the scan PANCREAS_0002"):
        run(folder, tmp_path / "set")

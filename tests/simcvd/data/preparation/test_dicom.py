import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses
from pydicom.uid import BasicTextSRStorage, RTStructureSetStorage

from simcvd.data.preparation.dicom import prepare_dicom
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.prepare import PrepareReport
from simcvd.data.store import open_case
from simcvd.errors import UserError
from tests.simcvd.scans.dicom.tiny_series import affine, dataset, save, segmentation, slices, stored, write

SHAPE = (12, 10, 5)
Array = np.ndarray[Any, Any]


def organ(number: int) -> Array:
    mask = np.zeros(SHAPE, np.uint8)
    mask[2 + number : 7 + number, 3:6, 1 : 3 + number] = 1
    return mask


def scan(folder: Path, number: int, **values: Any) -> None:
    write(folder, slices(stored(SHAPE, seed=number), **values))


def nifti(path: Path, array: Array, where: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, where), path)  # type: ignore[no-untyped-call]


def run(source: Path, target: Path, series: str | None = None, **options: Any) -> PrepareReport:
    return prepare_dicom(source, target, PrepareOptions(**{"val": 0, "test": 0, "workers": 2} | options), series)


def turned(array: Array) -> tuple[Array, Array]:
    """Return a volume of `slices` as a converter may store it: RAS, Z first."""
    where = affine()
    order = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])  # new axes from old ones
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = array.shape[0] - 1, array.shape[1] - 1
    return array[::-1, ::-1].transpose(2, 0, 1), where @ flip @ order.T


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("template") / "scans"
    scan(source / "a" / "study" / "1", 0)
    nifti(source / "a" / "mask.nii.gz", *turned(organ(0)))
    scan(source / "b", 1)
    label = sitk.GetImageFromArray(organ(1).transpose(2, 1, 0))
    label.SetSpacing((0.75, 0.5, 2.5))
    label.SetOrigin((-10, -20, 30))
    (source / "labels").mkdir()
    sitk.WriteImage(label, str(source / "labels" / "b.nrrd"))
    scan(source / "c", 2)
    save(segmentation({"kidney": organ(2)}, slices(stored(SHAPE))), source / "c" / "seg" / "1-1.dcm")
    scan(source / "d", 3)
    return source


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """Return four cases: labels as NIfTI of turned axes, as NRRD beside, as DICOM-SEG, and none."""
    return Path(shutil.copytree(template, tmp_path / "scans"))


def test_all_kinds_of_labels_lie_on_their_scans(folder: Path, tmp_path: Path) -> None:
    info = run(folder, tmp_path / "set", spacing="keep").info
    assert info.classes == ("kidney",)
    assert info.channels == ("CT",)
    assert info.splits.train_labeled == ("a", "b", "c")
    assert info.splits.train_unlabeled == ("d",)
    for number, case_id in enumerate("abc"):
        case = open_case(tmp_path / "set", case_id, with_label=True)
        np.testing.assert_array_equal(case.label, organ(number)[::-1, ::-1])  # RAS
        raw = stored(SHAPE, seed=number)[::-1, ::-1].astype(np.float64)
        assert np.corrcoef(case.image[0].ravel(), raw.ravel())[0, 1] > 0.5
        np.testing.assert_allclose(case.spacing_mm, (0.75, 0.5, 2.5))


def test_modality_chooses_the_intensities(folder: Path, tmp_path: Path) -> None:
    made = run(folder, tmp_path / "ct").info.preprocessing
    assert made is not None
    assert made.normalisation.kind == "percentiles"
    for path in folder.rglob("0*.dcm"):
        path.unlink()
    for number, case_id in enumerate("abcd"):
        scan(folder / case_id, number, Modality="MR")
    made = run(folder, tmp_path / "mr").info.preprocessing
    assert made is not None
    assert made.normalisation.kind == "z_score"


def test_images_may_have_a_folder_of_their_own(folder: Path, tmp_path: Path) -> None:
    (folder / "images").mkdir()
    for case_id in "abcd":
        (folder / case_id).rename(folder / "images" / case_id)
    assert run(folder, tmp_path / "set").info.splits.train_labeled == ("a", "b", "c")


def test_segments_go_by_their_names(tmp_path: Path) -> None:
    source, other = tmp_path / "scans", np.zeros(SHAPE, np.uint8)
    other[0, 0, :3] = 1
    for number, names in enumerate([("liver", "spleen"), ("spleen", "liver")]):
        scan(source / str(number), number)
        masks = {"liver": organ(0), "spleen": other}
        made = segmentation({name: masks[name] for name in names}, slices(stored(SHAPE)))
        save(made, source / "labels" / f"{number}.dcm")
    assert run(source, tmp_path / "set").info.classes == ("liver", "spleen")
    first, second = (open_case(tmp_path / "set", str(number), with_label=True) for number in range(2))
    np.testing.assert_array_equal(first.label, second.label)
    assert set(np.unique(first.label)) == {0, 1, 2}
    asked = run(source, tmp_path / "turned", classes=("spleen", "liver"))
    assert asked.info.classes == ("spleen", "liver")
    swapped = open_case(tmp_path / "turned", "0", with_label=True)
    np.testing.assert_array_equal(swapped.label == 1, first.label == 2)
    with pytest.raises(UserError, match="segmentations hold liver, spleen, but --classes names liver, kidney; name"):
        run(source, tmp_path / "other", classes=("liver", "kidney"))


def test_objects_that_are_no_images_are_noted(folder: Path, tmp_path: Path) -> None:
    save(dataset(RTStructureSetStorage), folder / "a" / "plan")
    save(dataset(BasicTextSRStorage), folder / "b" / "report.dcm")
    (folder / "b" / "LICENSE").write_text("free")
    (folder / "labels" / "b").mkdir()
    (folder / "labels" / "b" / "by.txt").write_text("a reader")
    scan(folder / "d", 3, Modality="MR")
    assert run(folder, tmp_path / "set").notes == (
        "1 RT Structure Set Storage, 1 Basic Text SR Storage are no images and were not read.",
        "The scans are of different kinds: 3 CT, 1 MR.",
    )


def test_series_is_chosen_by_name(folder: Path, tmp_path: Path) -> None:
    scan(folder / "b" / "late", 9, SeriesInstanceUID="1.9", SeriesNumber=4, SeriesDescription="late")
    with pytest.raises(UserError, match=r"Case b: .*b holds 2 series \(number 3 .*; choose one by --series"):
        run(folder, tmp_path / "set")
    assert run(folder, tmp_path / "set", "portal venous").info.splits.train_labeled == ("a", "b", "c")


def nothing_there(folder: Path) -> None:
    for path in (folder / "b").iterdir():
        path.unlink()


def only_a_report(folder: Path) -> None:
    nothing_there(folder)
    save(dataset(BasicTextSRStorage), folder / "b" / "report.dcm")


def no_dicom(folder: Path) -> None:
    (folder / "b" / "x.dcm").write_text("no")


def dangling_link(folder: Path) -> None:
    (folder / "b" / "x.dcm").symlink_to(folder / "gone.dcm")


def two_labels(folder: Path) -> None:
    nifti(folder / "b" / "b.nii.gz", organ(1), affine())


def label_elsewhere(folder: Path) -> None:
    (folder / "labels" / "b.nrrd").unlink()
    nifti(folder / "b" / "b.nii.gz", organ(1), affine() + np.outer([1, 0, 0, 0], [0, 0, 0, 3.0]))


def label_of_other_shape(folder: Path) -> None:
    (folder / "labels" / "b.nrrd").unlink()
    nifti(folder / "b" / "b.nii.gz", organ(1)[:-1], affine())


def missing_slice(folder: Path) -> None:
    (folder / "b" / "003.dcm").unlink()


def segments_without_names(folder: Path) -> None:
    (folder / "labels" / "b.nrrd").unlink()
    made = segmentation({"": organ(1)}, slices(stored(SHAPE)))
    save(made, folder / "labels" / "b" / "1.dcm")


@pytest.mark.parametrize(
    ("spoil", "clause"),
    [
        (nothing_there, "FOLDER/b has no DICOM image, expected a series"),
        (only_a_report, "FOLDER/b has no DICOM image, only 1 Basic Text SR Storage, expected a series"),
        (no_dicom, "FOLDER/b/x.dcm is not a DICOM file"),
        (dangling_link, "FOLDER/b/x.dcm is a link that leads nowhere"),
        (two_labels, "it has 2 labels, FOLDER/labels/b.nrrd and FOLDER/b/b.nii.gz, expected one"),
        (label_elsewhere, "the affines of image and label differ by up to 3 mm, expected the same grid"),
        (label_of_other_shape, "the label has shape 11 x 10 x 5, expected the image's 12 x 10 x 5"),
        (missing_slice, "1 slice is missing in FOLDER/b, the first between 35 and 40 mm where"),
        (segments_without_names, "FOLDER/labels/b/1.dcm names its segments ; expected different names"),
    ],
)
def test_a_bad_case_is_told_and_can_be_left_out(
    spoil: Callable[[Path], None], clause: str, folder: Path, tmp_path: Path
) -> None:
    spoil(folder)
    clause = clause.replace("FOLDER", str(folder))
    with pytest.raises(UserError) as raised:
        run(folder, tmp_path / "set")
    assert str(raised.value).startswith(f"Case b: {clause}")
    report = run(folder, tmp_path / "set", skip_bad=True)
    assert list(report.left_out) == ["b"]
    assert report.left_out["b"].startswith(clause)
    assert report.info.splits.train_labeled == ("a", "c")


def test_a_folder_without_cases_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no folder"):
        run(tmp_path / "none", tmp_path / "set")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no case; expected a folder a case with the files of a DICOM series"):
        run(tmp_path / "empty", tmp_path / "set")
    scan(tmp_path / "flat", 0)
    with pytest.raises(UserError, match=r"flat holds DICOM files itself, such as 000.dcm; expected a folder a case"):
        run(tmp_path / "flat", tmp_path / "set")


def test_running_again_changes_nothing(folder: Path, tmp_path: Path) -> None:
    first = run(folder, tmp_path / "set")
    again = run(folder, tmp_path / "set")
    assert (again.written, again.resumed, again.info) == (0, 4, first.info)
    scan(folder / "d", 17)
    with pytest.raises(UserError, match="has changed since the data set was made"):
        run(folder, tmp_path / "set")

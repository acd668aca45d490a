import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses

from simcvd.data.preparation.nifti import find_cases, prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.store import open_case
from simcvd.errors import UserError
from simcvd.labels import IGNORED
from tests.simcvd.data.preparation.nifti.named_files import make, pairs
from tests.simcvd.data.preparation.tiny_folder import Nifti, run, scan

Spoil = Callable[[Path], Any]


def described(folder: Path, **content: Any) -> None:
    make(folder, *pairs("a", "b"), described=content)


def test_layout_names_and_order_come_from_dataset_json(nifti: Nifti, target: Path) -> None:
    source = nifti(5, unlabeled=1)
    source.image("w", scan(50), folder="imagesUn")
    source.image("x", scan(51), folder="imagesTs")
    source.describe(
        modality={"0": "T1"},
        labels={"background": 0, "tail": 2, "head": 1},
        training=[{"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"} for i in "edcb"],
    )
    report = run(source, target, labeled=2, val=1, test=1)
    info = report.info
    assert (info.channels, info.classes) == (("T1",), ("head", "tail"))
    assert info.splits.model_dump() == {
        "train_labeled": ("e", "d"),
        "train_unlabeled": ("w",),
        "val": ("c",),
        "test": ("b",),
    }
    assert report.notes == (
        "3 files are not named in dataset.json and were not used: imagesTr/a.nii.gz, imagesTr/u0.nii.gz, "
        "labelsTr/a.nii.gz.",
        "1 images of imagesUn/, for which dataset.json has no word, are unlabelled cases.",
        "1 images in imagesTs/ have no labels and were not read.",
    )


def test_plain_layout_and_default_split(nifti: Nifti, target: Path) -> None:
    source = nifti(10, images="images", labels="labels")
    (source.path / "images" / "._a.nii.gz").write_text("left over by another system")
    splits = run(source, target, val=None, test=None).info.splits
    assert [len(ids) for _, ids in splits.items()] == [7, 0, 1, 2]
    assert splits.test == ("i", "j")


def test_splits_of_dataset_json_hold_unless_another_number_is_asked_for(nifti: Nifti, target: Path) -> None:
    source = nifti(5)
    cases = {i: {"image": f"imagesTr/{i}.nii.gz", "label": f"labelsTr/{i}.nii.gz"} for i in "abcde"}
    source.describe(training=[cases["e"], cases["b"]], validation=[cases["a"]], test=[cases["c"], cases["d"]])
    report = run(source, target, val=None, test=None)
    assert report.info.splits.model_dump() == {
        "train_labeled": ("e", "b"),
        "train_unlabeled": (),
        "val": ("a",),
        "test": ("c", "d"),
    }
    told = (
        "dataset.json names 1 validation and 2 labelled test cases; --val or --test takes that part from the training"
    )
    assert report.notes == (f"{told} cases instead.",)
    splits = run(source, target.with_name("other"), val=0, test=None).info.splits
    assert (splits.train_labeled, splits.val, splits.test) == (("e", "b", "a"), (), ("c", "d"))


def test_names_of_channels_that_a_person_gives_say_the_modality(tmp_path: Path) -> None:
    make(tmp_path, *pairs("a"), described={"modality": {"0": "scan"}})
    assert find_cases(tmp_path).modality is None
    assert find_cases(tmp_path, ("CT",)).modality == ("CT",)


@pytest.mark.parametrize("endings", [(".nrrd", ".nii.gz"), (".mha", ".nrrd"), (".mhd", ".mha"), (".NII", ".NRRD")])
def test_every_pair_of_endings_holds_the_same_scan(
    endings: tuple[str, str], nifti: Nifti, target: Path, tmp_path: Path
) -> None:
    source = nifti(3)
    run(source, target)
    other = tmp_path / "scans"
    for place, ending in zip(("imagesTr", "labelsTr"), endings, strict=True):
        (other / place).mkdir(parents=True)
        for path in (source.path / place).iterdir():
            image = sitk.ReadImage(str(path))
            for key in image.GetMetaDataKeys():
                image.EraseMetaData(key)  # MetaImage can't hold NIfTI's
            written = other / place / path.name.replace(".nii.gz", ending.lower())
            sitk.WriteImage(image, str(written))
            written.rename(other / place / path.name.replace(".nii.gz", ending))
    prepare_nifti(other, target.with_name("other"), PrepareOptions(val=0, test=0, workers=2))
    for case_id in "abc":
        case, like = (open_case(folder, case_id, with_label=True) for folder in (target.with_name("other"), target))
        np.testing.assert_array_equal(case.image, like.image)
        np.testing.assert_array_equal(case.label, like.label)
        np.testing.assert_allclose(case.affine, like.affine)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda folder: nibabel.save(nibabel.Nifti1Image(scan(1)[:-1], np.eye(4)), folder / "c_0001.nii.gz"),
            r"the channel .*c_0001\.nii\.gz has shape 11 x 14 x 10, expected the image's 12 x 14 x 10",
        ),
        (
            lambda folder: nibabel.save(nibabel.Nifti1Image(scan(1), np.diag([1, 1, 2, 1])), folder / "c_0001.nii.gz"),
            r"the affines of image and channel .*c_0001\.nii\.gz differ by up to 5 mm, expected the same grid",
        ),
        (
            lambda folder: nibabel.save(
                nibabel.Nifti1Image(np.stack([scan(1)] * 2, -1), np.diag([1, 1, 2.5, 1])), folder / "c_0000.nii.gz"
            ),
            r".*c_0000\.nii\.gz holds 2 channels, expected one, since each has a file",
        ),
        (
            lambda folder: (folder / "c_0001.nii.gz").write_text("x"),
            r".*c_0001\.nii\.gz",
        ),
    ],
)
def test_channels_that_do_not_fit_are_a_problem_of_their_case(
    spoil: Spoil, told: str, nifti: Nifti, target: Path
) -> None:
    source = nifti(6)
    for number, i in enumerate("abcdef"):
        (source.path / "imagesTr" / f"{i}.nii.gz").rename(source.path / "imagesTr" / f"{i}_0000.nii.gz")
        source.image(f"{i}_0001", scan(number + 60))
    spoil(source.path / "imagesTr")
    with pytest.raises(UserError, match=f"^Case c: {told}.*skip-bad.$"):
        run(source, target)
    report = run(source, target, skip_bad=True)
    assert list(report.left_out) == ["c"]
    assert report.info.channels == ("channel_0", "channel_1")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("place", ["imagesTr", "labelsTr"])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (dangling, "is a link to gone, which is missing"),
        (a_folder, "is a folder, expected an image file"),
        (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\), expected an image file"),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_files_that_are_none_are_left_out_with_skip_bad(
    listed: bool, spoil: Spoil, told: str, place: str, nifti: Nifti, target: Path
) -> None:
    source = nifti()
    if listed:
        source.describe(training=[[f"imagesTr/{i}.nii.gz", f"labelsTr/{i}.nii.gz"] for i in "abcdef"])
    spoil(source.path / place / "c.nii.gz")
    assert re.match(f".*{place}/c\\.nii\\.gz {told}", find_cases(source.path).problems["c"])
    report = run(source, target, skip_bad=True)
    assert list(report.left_out) == ["c"]
    assert report.info.splits.train_labeled == tuple("abdef")


def test_voxels_that_nnunet_ignores_are_no_class(nifti: Nifti, target: Path) -> None:
    source = nifti()
    label = np.zeros((12, 14, 10), np.uint8)
    label[3:6, 4:9, 2:7], label[6:9, 4:9, 2:7] = 1, 3
    for i in "abcdef":
        source.label(i, label)
    source.describe(labels={"background": 0, "organ": 1, "ignore": 3}, channel_names={"0": "MRI"})
    info = run(source, target).info
    assert info.classes == ("organ",)
    assert set(np.unique(open_case(target, "a", with_label=True).label)) == {0, 1, IGNORED}


LAYOUTS: list[tuple[Spoil, str]] = [
    (lambda folder: None, r"There is no folder .*; expected one with images and labels\."),
    (lambda folder: make(folder, "scan.nii"), r".* has neither imagesTr/ nor images/; expected one of them, and .*\."),
    (
        lambda folder: make(folder, "images/a.txt"),
        r".*/images has no file that ends in \.nii, .*; expected images th.*",
    ),
    (
        lambda folder: make(folder, "images/series/1.dcm"),
        r".*/images has no file that ends in .*; 1\.dcm is DICOM, for which there is `simcvd prepare dicom`\.",
    ),
    (
        lambda folder: make(folder, "imagesTr/a.nii", "labels/a.nii"),
        r".*/labelsTr has no label; expected files there with the names of their images\.",
    ),
    (
        lambda folder: make(folder, "images/a.nii", "images/b.nii", "labels/a_seg.nii", "labels/b_seg.nii"),
        r"No label in .*/labels \(a_seg, b_seg\) has the name of an image in .*/images \(a, b\); give both the same "
        r"name, or name the pairs in dataset\.json\.",
    ),
    (
        lambda folder: make(folder, *(f"images/a_000{n}.nii" for n in (0, 2)), "labels/a.nii"),
        r"The images in .*/images end in _0000, _0002; expected _0000, _0001, \.\.\. without gaps\.",
    ),
    (
        lambda folder: described(folder, file_ending=".mha"),
        r"No file in .*/imagesTr ends in \.mha, as dataset\.json says under 'file_ending', but there is a\.nii\.gz; .*",
    ),
    (
        lambda folder: make(folder, *pairs("a"), described="{"),
        r".*/dataset\.json is not valid JSON \(.*\); repair it.*",
    ),
    (lambda folder: described(folder, training={"a": 1}), r".*/dataset\.json has under 'training' no list.*"),
    (lambda folder: described(folder, labels={"a": 1, "b": 3}), r".*/dataset\.json numbers 'labels' as \[1, 3\].*"),
]


@pytest.mark.parametrize(("spoil", "told"), LAYOUTS, ids=[told[:40] for _, told in LAYOUTS])
def test_wrong_layouts_are_told_in_one_sentence_before_any_scan_is_read(
    spoil: Spoil, told: str, tmp_path: Path
) -> None:
    spoil(tmp_path / "source")
    with pytest.raises(UserError, match=f"^{told}$"):
        find_cases(tmp_path / "source")


def test_names_of_classes_that_are_the_same_are_told(nifti: Nifti, target: Path) -> None:
    with pytest.raises(UserError, match="class names are 'a, a'; expected different names"):
        run(nifti(), target, classes=("a", "a"))


def test_a_folder_that_must_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    make(tmp_path, *pairs("a"))
    monkeypatch.setattr(Path, "iterdir", refused)  # root may read everything
    with pytest.raises(
        UserError, match=r"^/.*/imagesTr can't be read \(Permission denied\); mend that and run it again\.$"
    ):
        find_cases(tmp_path)


def test_scans_outside_of_the_folder_are_prepared_and_found_finished(
    nifti: Nifti, target: Path, tmp_path: Path
) -> None:
    elsewhere = nifti(3).path
    training = [[str(elsewhere / f"imagesTr/{i}.nii.gz"), f"../source/labelsTr/{i}.nii.gz"] for i in "abc"]
    folder = make(tmp_path / "described", described={"training": training})
    options = PrepareOptions(val=0, test=0, workers=2)
    assert prepare_nifti(folder, target, options).info.splits.train_labeled == ("a", "b", "c")
    assert prepare_nifti(folder, target, options).resumed == 3

import re
from pathlib import Path
from typing import Any

import pytest

from simcvd.data.preparation.nifti import find_cases
from tests.simcvd.data.preparation.nifti.named_files import files, make, pairs


def test_image_and_label_of_one_name_are_a_case(tmp_path: Path) -> None:
    found = find_cases(make(tmp_path, *pairs("b", "a"), "imagesTr/u.nii.gz", "imagesUn/v.nii.gz"))
    assert files(found) == {
        "a": (["imagesTr/a.nii.gz"], "labelsTr/a.nii.gz"),
        "b": (["imagesTr/b.nii.gz"], "labelsTr/b.nii.gz"),
        "u": (["imagesTr/u.nii.gz"], None),
        "v": (["imagesUn/v.nii.gz"], None),
    }
    assert (found.problems, found.notes) == ({}, ())


def test_endings_may_differ_and_be_of_any_case(tmp_path: Path) -> None:
    names = ["images/a.NII.GZ", "labels/a.nrrd", "images/b.mha", "labels/b.Nii", "images/c.MHD", "labels/c.mha"]
    found = find_cases(make(tmp_path, *names, "images/._a.nii.gz", "images/notes.txt"))
    assert files(found) == {i: ([names[2 * n]], names[2 * n + 1]) for n, i in enumerate("abc")}


def test_nnunet_has_a_file_a_channel(tmp_path: Path) -> None:
    names = [f"imagesTr/{i}_000{channel}.nrrd" for i in ("x", "y_0001") for channel in (1, 0)]
    content = {"channel_names": {"0": "FLAIR", "1": "T1"}, "labels": {"background": 0, "a": 1, "ignore": 2}}
    content |= {"file_ending": ".nrrd", "numTraining": 2}
    make(tmp_path, *names, "labelsTr/x.nrrd", "imagesUn/z_0000.nrrd", "imagesUn/z_0001.nrrd", described=content)
    found = find_cases(tmp_path)
    assert files(found) == {
        "x": (["imagesTr/x_0000.nrrd", "imagesTr/x_0001.nrrd"], "labelsTr/x.nrrd"),
        "y_0001": (["imagesTr/y_0001_0000.nrrd", "imagesTr/y_0001_0001.nrrd"], None),
        "z": (["imagesUn/z_0000.nrrd", "imagesUn/z_0001.nrrd"], None),
    }
    assert (found.channels, found.modality, found.classes) == (("FLAIR", "T1"), ("MR", "MR"), ("a",))
    assert (found.ignore, found.problems, found.notes) == (2, {}, ())


def test_nnunets_names_are_known_by_their_labels_without_any_description(tmp_path: Path) -> None:
    found = find_cases(make(tmp_path, "images/a_0000.nii.gz", "labels/a.nii.gz", "images/b_0000.nii.gz"))
    assert files(found) == {"a": (["images/a_0000.nii.gz"], "labels/a.nii.gz"), "b": (["images/b_0000.nii.gz"], None)}


def test_numbered_cases_whose_labels_have_their_number_are_no_channels(tmp_path: Path) -> None:
    found = find_cases(make(tmp_path, *pairs("BRATS_0000", "BRATS_0001"), described={"file_ending": ".nii.gz"}))
    assert list(files(found)) == ["BRATS_0000", "BRATS_0001"]


def test_files_of_another_ending_than_described_are_not_read_and_told(tmp_path: Path) -> None:
    make(tmp_path, *pairs("a", ending=".nii"), "imagesTr/b.nii.gz", described={"file_ending": "nii"})
    found = find_cases(tmp_path)
    assert list(files(found)) == ["a"]
    told = "1 files in imagesTr/ don't end in .nii, as dataset.json says, and were not read: b.nii.gz."
    assert found.notes == (told,)


def test_a_wrong_number_of_cases_and_a_second_layout_are_told(tmp_path: Path) -> None:
    found = find_cases(make(tmp_path, *pairs("a"), "images/b.nii", described={"numTraining": 7}))
    assert found.notes == (
        "images/ was not read, since there is imagesTr/.",
        "dataset.json says numTraining 7, but 1 are there.",
    )


CHANNELS = ["imagesTr/a_0000.nii", "imagesTr/a_0001.nii", "labelsTr/a.nii", "imagesTr/b_0000.nii", "labelsTr/b.nii"]


@pytest.mark.parametrize(
    ("names", "channels", "told"),
    [
        (CHANNELS, None, r"the channel .*imagesTr/b_0001\.nii is missing, expected 2 channels"),
        (
            [*CHANNELS, *(f"imagesTr/b_000{n}.nii" for n in (1, 2))],
            {"0": "FLAIR", "1": "T1"},
            r".*b_0002\.nii is one channel too many, expected 2",
        ),
        (
            [*CHANNELS[:3], "imagesTr/b.nii", "labelsTr/c.nii", "imagesTr/c_0000.nii", "imagesTr/c_0001.nii"],
            None,
            r"the image .*b\.nii has no channel in its name, expected b_0000 as for the others",
        ),
        (
            [*CHANNELS, "imagesTr/b_0001.nii", "imagesTr/b_0001.nii.gz"],
            None,
            r"two images have this id, .*b_0001\.nii and .*b_0001\.nii\.gz, expected one",
        ),
        ([*pairs("a", "b"), "imagesTr/b.nrrd"], None, "two images have this id"),
        ([*pairs("a", "b"), "labelsTr/b.nrrd"], None, "two labels have this id"),
        ([*pairs("a", "b"), "imagesUn/b.nrrd"], None, "two images have this id"),
        ([*pairs("a"), "labelsTr/b.nii"], None, r"the label .*labelsTr/b\.nii has no image of the same name"),
    ],
)
def test_what_is_wrong_with_a_case_leaves_the_others(
    names: list[str], channels: Any, told: str, tmp_path: Path
) -> None:
    described = {"channel_names": channels, "file_ending": ".nii"} if channels else None
    found = find_cases(make(tmp_path, *names, described=described))
    assert "a" in files(found)
    assert list(found.problems) == ["b"]
    assert re.match(told, found.problems["b"])

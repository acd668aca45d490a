import re
from pathlib import Path
from typing import Any

import pytest

from simcvd.data.preparation.nifti import find_cases
from simcvd.data.store import Splits
from tests.simcvd.data.preparation.nifti.named_files import files, make, pairs


def entry(case_id: str, images: str = "imagesTr", labels: str = "labelsTr") -> dict[str, str]:
    return {"image": f"./{images}/{case_id}.nii.gz", "label": f"./{labels}/{case_id}.nii.gz"}


def test_paths_and_pairs_are_those_of_the_description(tmp_path: Path) -> None:
    training = [
        {"image": "scans/b.nii.gz", "label": "./manual/by_me.nii"},
        ["scans\\a.mha", "manual/a_seg.nrrd"],
        "scans/bare.nii.gz",
    ]
    names = ["scans/a.mha", "scans/b.nii.gz", "scans/bare.nii.gz", "manual/by_me.nii", "manual/a_seg.nrrd"]
    found = find_cases(make(tmp_path, *names, described={"training": training}))
    assert list(files(found).items()) == [
        ("b", (["scans/b.nii.gz"], "manual/by_me.nii")),
        ("a", (["scans/a.mha"], "manual/a_seg.nrrd")),
        ("bare", (["scans/bare.nii.gz"], None)),
    ]
    assert (found.problems, found.notes, found.lists) == ({}, (), None)


def test_cases_that_are_left_out_are_not_used_and_told(tmp_path: Path) -> None:
    content = {"training": [entry("c"), entry("a")], "numTraining": 3}
    found = find_cases(make(tmp_path, *pairs("a", "b", "c", "z"), described=content))
    assert list(files(found)) == ["c", "a"]
    assert found.notes == (
        "4 files are not named in dataset.json and were not used: imagesTr/b.nii.gz, imagesTr/z.nii.gz, "
        "labelsTr/b.nii.gz and 1 more.",
        "dataset.json says numTraining 3, but it names 2.",
    )


def test_unlabelled_images_have_their_own_folder(tmp_path: Path) -> None:
    make(tmp_path, *pairs("a", "b"), "imagesUn/u.nii.gz", "imagesUn/b.nii.gz", "imagesTs/t.nii.gz")
    found = find_cases(make(tmp_path, described={"training": [entry("a"), entry("b")], "test": ["imagesTs/t.nii.gz"]}))
    assert files(found) == {
        "a": (["imagesTr/a.nii.gz"], "labelsTr/a.nii.gz"),
        "u": (["imagesUn/u.nii.gz"], None),
    }
    assert found.notes == (
        "1 images of imagesUn/, for which dataset.json has no word, are unlabelled cases.",
        "1 images in imagesTs/ have no labels and were not read.",
    )
    assert re.match(r"two images have this id, one of them .*imagesUn/b\.nii\.gz, expected one", found.problems["b"])


def test_nnunets_first_form_names_a_case_and_means_its_channels(tmp_path: Path) -> None:
    names = [f"imagesTr/{i}_000{channel}.nii.gz" for i in "ab" for channel in (0, 1)]
    make(tmp_path, *names, "labelsTr/a.nii.gz", "labelsTr/b.nii.gz", "imagesUn/u_0000.nii.gz", "imagesUn/u_0001.nii.gz")
    content = {"training": [entry("a"), entry("b")], "modality": {"0": "FLAIR", "1": "T1"}}
    found = find_cases(make(tmp_path, described=content))
    assert files(found) == {
        "a": (["imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz"], "labelsTr/a.nii.gz"),
        "b": (["imagesTr/b_0000.nii.gz", "imagesTr/b_0001.nii.gz"], "labelsTr/b.nii.gz"),
        "u": (["imagesUn/u_0000.nii.gz", "imagesUn/u_0001.nii.gz"], None),
    }
    (tmp_path / "imagesTr" / "b_0001.nii.gz").unlink()
    told = find_cases(tmp_path).problems["b"]
    assert re.match(r"the channel .*imagesTr/b_0001\.nii\.gz is missing, expected 2 channels", told)


def test_nnunets_second_form_may_name_every_file(tmp_path: Path) -> None:
    make(tmp_path, "raw/p_ct.nii.gz", "raw/p_pet.nii.gz", "masks/p.nii.gz")
    content = {"dataset": {"p one": {"images": ["raw/p_ct.nii.gz", "raw/p_pet.nii.gz"], "label": "masks/p.nii.gz"}}}
    found = find_cases(make(tmp_path, described=content | {"channel_names": {"0": "CT", "1": "PET"}}))
    assert files(found) == {"p one": (["raw/p_ct.nii.gz", "raw/p_pet.nii.gz"], "masks/p.nii.gz")}
    assert found.modality is None
    found = find_cases(make(tmp_path, described=content | {"channel_names": {"0": "CT", "1": "PET", "2": "MR"}}))
    assert found.problems == {"p one": "dataset.json names 2 images for it, expected 3, one a channel"}


def test_paths_may_lead_out_of_the_folder(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/a.nii", "elsewhere/b.nii", "set/labels/a.nii", "set/labels/b.nii")
    training = [["../elsewhere/a.nii", "labels/a.nii"], [str(tmp_path / "elsewhere" / "b.nii"), "labels/b.nii"]]
    found = find_cases(make(tmp_path / "set", described={"training": training}))
    assert [case.id for case in found.cases] == ["a", "b"]
    assert found.problems == {}


def test_images_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    training = [[f"{i}/t1.nii", f"{i}/seg.nii"] for i in "ab"]
    make(tmp_path, *(name for pair in training for name in pair), "a/t2.nii", described={"training": training})
    found = find_cases(tmp_path)
    assert files(found) == {"a": (["a/t1.nii"], "a/seg.nii"), "b": (["b/t1.nii"], "b/seg.nii")}
    assert found.notes == ("1 files are not named in dataset.json and were not used: a/t2.nii.",)


def test_validation_and_test_cases_with_labels_make_the_split(tmp_path: Path) -> None:
    make(tmp_path, *pairs("a", "b", "v"), "imagesTs/t.nii.gz", "imagesTs/s.nii.gz", "labelsTs/t.nii.gz")
    content = {"training": [entry("b"), entry("a")], "validation": [entry("v")]}
    content["test"] = [entry("t", "imagesTs", "labelsTs")]
    found = find_cases(make(tmp_path, described=content))
    assert found.lists is not None
    assert found.lists.splits == Splits(val=("v",), test=("t",))
    assert (found.lists.train, found.lists.decides) == (("b", "a"), {"val", "test"})
    assert [case.id for case in found.cases] == ["b", "a", "v", "t"]


def test_labelled_test_images_that_nothing_names_are_told(tmp_path: Path) -> None:
    found = find_cases(make(tmp_path, *pairs("a"), "imagesTs/t.nii.gz", "labelsTs/t.nii.gz"))
    assert found.notes == (
        "1 images in imagesTs/ were not read; name them and their labels under 'test' in dataset.json to have them as "
        "test cases.",
    )


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ([entry("a"), entry("x")], {"x": r"dataset\.json names the image \./imagesTr/x\.nii\.gz, which is missing"}),
        (
            [entry("a"), {"image": "imagesTr/b.nii.gz", "label": "./seg/b.nii.gz"}],
            {"b": r"dataset\.json names the label \./seg/b\.nii\.gz, which is missing"},
        ),
        ([entry("a"), entry("b"), entry("b")], {"b": r"dataset\.json names it twice, expected once"}),
        (
            [entry("a"), {"image": "imagesTr/b.nii.gz", "label": "imagesTr/b.nii.gz"}],
            {"b": r"dataset\.json names imagesTr/b\.nii\.gz as its image and as its label"},
        ),
        (
            [entry("a"), entry("b"), {"image": "imagesTr/c.nii.gz", "label": "labelsTr/b.nii.gz"}],
            {
                "b": r"dataset\.json names .*labelsTr/b\.nii\.gz for more than one case \(b, c\)",
                "c": r"dataset\.json names .*labelsTr/b\.nii\.gz for more than one case \(b, c\)",
            },
        ),
    ],
)
def test_what_is_wrong_with_a_named_case_leaves_the_others(
    training: list[Any], told: dict[str, str], tmp_path: Path
) -> None:
    found = find_cases(make(tmp_path, *pairs("a", "b", "c"), described={"training": training}))
    assert list(files(found)) == ["a"]
    assert found.problems.keys() == told.keys()
    for case_id, sentence in told.items():
        assert re.match(sentence, found.problems[case_id])


def test_a_validation_case_without_label_is_told(tmp_path: Path) -> None:
    content = {"training": [entry("a")], "validation": ["imagesTr/b.nii.gz"]}
    found = find_cases(make(tmp_path, *pairs("a", "b"), described=content))
    assert found.problems == {"b": "dataset.json names it for validation without a label"}

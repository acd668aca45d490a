from pathlib import Path
from typing import Any

import pytest

from simcvd.data.preparation.nifti.description import Entry, read_description
from simcvd.errors import UserError
from tests.simcvd.data.preparation.nifti.named_files import make


def test_without_a_file_nothing_is_described(tmp_path: Path) -> None:
    found = read_description(tmp_path)
    assert (found.classes, found.channels, found.training, found.ignore, found.ending) == (None,) * 5


def test_the_first_form_numbers_names(tmp_path: Path) -> None:
    content = {
        "modality": {"0": "FLAIR", "1": "T1w"},
        "labels": {"0": "background", "2": "core", "1": "edema"},
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
        "numTraining": 1,
    }
    found = read_description(make(tmp_path, described=content))
    assert (found.channels, found.classes) == (("FLAIR", "T1w"), ("edema", "core"))
    assert found.training == (Entry(("./imagesTr/a.nii.gz",), "./labelsTr/a.nii.gz"),)
    assert (found.count, found.ignore, found.ending, found.notes) == (1, None, None, ())


def test_the_second_form_names_numbers_an_ending_and_ignored_voxels(tmp_path: Path) -> None:
    content = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "1": 1, "tumour": 2, "ignore": 3},
        "file_ending": ".NRRD",
        "numTraining": 4,
        "dataset": {"case": {"images": ["x/p_0000.nrrd"], "label": "y/q.nrrd"}},
    }
    found = read_description(make(tmp_path, described=content))
    assert (found.channels, found.classes, found.ignore) == (("CT",), ("1", "tumour"), 3)
    assert found.ending == ".nrrd"
    assert found.training == (Entry(("x/p_0000.nrrd",), "y/q.nrrd", "case"),)


@pytest.mark.parametrize(
    "entry",
    [
        {"image": "a", "label": "b", "fold": 0},
        {"image": ["a"], "label": ["b"]},
        {"images": ["a"], "label": "b"},
        ["a", "b"],
    ],
)
def test_pairs_are_read_in_every_shape_in_use(entry: Any, tmp_path: Path) -> None:
    found = read_description(make(tmp_path, described={"training": [entry]}))
    assert found.training == (Entry(("a",), "b"),)


def test_an_image_alone_has_no_label(tmp_path: Path) -> None:
    content = {"training": ["a", {"image": "b"}, {"image": "c", "label": ""}, {"image": ["d", "e"], "label": None}]}
    found = read_description(make(tmp_path, described=content))
    assert found.training == (Entry(("a",)), Entry(("b",)), Entry(("c",)), Entry(("d", "e")))


def test_validation_and_labelled_test_cases_are_read_and_bare_test_images_are_not(tmp_path: Path) -> None:
    content = {"training": ["a"], "validation": [["b", "c"]], "test": ["d", ["e", "f"], {"image": "g"}]}
    found = read_description(make(tmp_path, described=content))
    assert found.validation == (Entry(("b",), "c"),)
    assert found.test == (Entry(("e",), "f"),)


def test_names_may_be_a_list_or_one_word_and_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    text = '\ufeff{"labels": ["background", "liver"], "modality": "CT", "dataset": "a plain name"}'
    found = read_description(make(tmp_path, described=text))
    assert (found.classes, found.channels, found.training) == (("liver",), ("CT",), None)


def test_a_name_for_label_0_that_is_no_background_is_told(tmp_path: Path) -> None:
    found = read_description(make(tmp_path, described={"labels": {"liver": 0, "tumour": 1}}))
    assert found.notes == ("dataset.json calls label 0 'liver'; it is the background here, whatever its name.",)


WRONG: list[tuple[Any, str]] = [
    ("{", r"is not valid JSON \(.*\); repair it, or remove it to go by file names"),
    ('{"labels": {"a": 1, "a": 2}}', "has the key 'a' twice in one place; keep one of them"),
    ([], "is no description of a data set; repair it"),
    ({"training": {"a": "b"}}, r"has under 'training' no list, but \{'a': 'b'\}; expected pairs of an image and a"),
    ({"training": []}, "names no case under 'training'; name them, or remove 'training' to go by file names"),
    ({"dataset": {}}, "names no case under 'dataset'"),
    ({"training": [{"label": "b"}]}, r"has a case without an image under 'training': \{'label': 'b'\}; correct it"),
    ({"training": [["a", "b", "c"]]}, "has a case without an image under 'training'"),
    ({"training": [{"image": "a", "label": 3}]}, "has a case whose label is no path under 'training'"),
    ({"validation": "a"}, "has under 'validation' no list, but a; expected pairs"),
    ({"training": ["a"], "dataset": {"a": {"images": ["a"]}}}, "names cases under both 'training' and 'dataset'"),
    ({"dataset": {"../a": {"images": ["a"]}}}, r"names a case '\.\./a', but its id begins with a dot"),
    ({"dataset": {"a/b": {"images": ["a"]}}}, "names a case 'a/b', but its id holds '/', expected a name without"),
    ({"dataset": {"a\\..\\b": {"images": ["a"]}}}, r"names a case 'a\\\\..\\\\b', but its id holds '\\', expected a"),
    (
        {"dataset": {"a\x1b": {"images": ["a"]}}},
        r"names a case 'a\\x1b', but its id holds '\\x1b', which can't be shown",
    ),
    ({"labels": {"0": "background", "1": "a", "3": "b"}}, r"numbers 'labels' as \[0, 1, 3\]; expected 1, 2, \.\.\. wi"),
    ({"modality": {"1": "CT"}}, r"numbers 'modality' as \[1\]; expected 0, 1, \.\.\. without gaps"),
    (
        {"labels": {"background": 0, "all": [1, 2]}},
        "makes the region 'all' of the classes .*; regions are not supp",
    ),
    ({"labels": {"background": 0, "a": "one"}}, "describes 'labels' as .*; expected one name for each number"),
    ({"labels": {"0": "background", "1": 1.5}}, "describes 'labels' as .*; expected one name for each number"),
    ({"labels": 2}, "describes 'labels' as 2; expected one name for each number"),
    ({"labels": {"a": 1, "b": 1}}, "gives the number '1' to two of its 'labels'; expected another for each"),
    ({"labels": {"1": "a", "2": "a"}}, "gives the name 'a' to two of its 'labels'; expected another for each"),
    ({"labels": {"ignore": 0, "a": 1}}, "numbers 'ignore' 0, which is the background; expected the number above"),
    ({"labels": {"background": 0, "a": 1, "ignore": 2, "b": 3}}, r"numbers 'labels' as \[0, 1, 3\]; expected 1, 2"),
    ({"file_ending": ".png"}, r"says that files end in '\.png'; expected one of \.nii, \.nii\.gz"),
    ({"file_ending": 3}, "says that files end in 3; expected one of"),
]


@pytest.mark.parametrize(("content", "told"), WRONG, ids=[told[:40] for _, told in WRONG])
def test_what_cannot_be_meant_is_told_in_one_sentence(content: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^/[^ ]*/dataset\.json {told}[^\n]*\.$"):
        read_description(make(tmp_path, described=content))


def test_a_description_that_is_a_dangling_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match=r"dataset\.json can't be read \(No such file"):
        read_description(tmp_path)

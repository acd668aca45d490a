import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.inspection.inspect import inspect
from simcvd.data.inspection.slices import case_slice
from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.store import Grid, Origin, Splits, build_info, case_path, write_case, write_info
from tests.simcvd.data.conftest import scan, two_boxes


@pytest.fixture
def folder(nifti: Callable[..., Any], tmp_path: Path) -> Path:
    prepare_nifti(nifti(6, unlabeled=1).path, tmp_path / "set", PrepareOptions(labeled=2, val=1, test=1))
    return tmp_path / "set"


def test_sound_data_set_is_described(folder: Path) -> None:
    report = inspect(folder)
    assert report.problems == ()
    assert report.counts == {"train_labeled": 2, "train_unlabeled": 3, "val": 1, "test": 1}
    assert report.shape_median == (12, 14, 10)
    assert [(c.name, c.cases, c.mean_voxels, c.mean_ml) for c in report.classes] == [
        ("class_1", 2, 75, pytest.approx(0.1875)),
        ("class_2", 2, 75, pytest.approx(0.1875)),
    ]
    assert report.lines()[-1] == "sound"
    assert json.loads(json.dumps(report.to_dict()))["counts"]["test"] == 1


def test_changed_missing_and_truncated_cases_are_told(folder: Path) -> None:
    changed, missing, short = (case_path(folder, case_id) for case_id in "abf")
    content = bytearray(changed.read_bytes())
    content[4096] ^= 255
    changed.write_bytes(content)
    missing.unlink()
    short.write_bytes(short.read_bytes()[:5000])
    problems = inspect(folder).problems
    assert [p for p in problems if "Case a is not what was prepared" in p]
    assert [p for p in problems if "b.h5 is missing" in p]
    assert [p for p in problems if "f.h5 is truncated" in p]
    assert not [p for p in inspect(folder, verify=False).problems if "Case a " in p]
    assert inspect(folder).lines()[-1].startswith("PROBLEM")


def test_class_without_labelled_example_is_told(nifti: Callable[..., Any], tmp_path: Path) -> None:
    source = nifti(3)
    options = PrepareOptions(val=0, test=0, classes=("a", "b", "rare"))
    prepare_nifti(source.path, tmp_path / "set", options)
    assert inspect(tmp_path / "set").problems == (
        "No labelled training case holds the class rare, so it can't be learned.",
    )


def test_no_label_but_the_labelled_training_ones_changes_what_is_told_or_drawn(
    folder: Path, nifti: Callable[..., Any]
) -> None:
    source = nifti(6, unlabeled=1)
    label = np.zeros((12, 14, 10), np.uint8)
    label[0, 0, 0] = 1
    for case_id in "cdef":  # unlabelled, val and test
        source.label(case_id, label)
    other = folder.with_name("other")
    prepare_nifti(source.path, other, PrepareOptions(labeled=2, val=1, test=1))
    told = [inspect(each) for each in (folder, other)]
    assert told[0].classes == told[1].classes
    assert told[0].found == told[1].found
    assert [case.label for case in told[0].cases] == [case.label for case in told[1].cases]
    assert [case.id for case in told[0].cases if case.label is not None] == ["a", "b"]
    drawn = [
        [case_slice(each, report.info, i) for i in "abcdef"] for each, report in zip((folder, other), told, strict=True)
    ]
    assert drawn[0] == drawn[1]
    assert [bool(one.outlines) for one in drawn[0]] == [True, True, False, False, False, False]


def test_files_orientations_spacing_and_shapes_are_told(nifti: Callable[..., Any], tmp_path: Path) -> None:
    source = nifti(6)
    turned = np.diag([-1.0, -1.0, 2.5, 1.0])
    source.image("b", scan(1), turned)
    source.label("b", two_boxes(), turned)
    prepare_nifti(source.path, tmp_path / "set", PrepareOptions(labeled=3, val=1, test=1))
    report = inspect(tmp_path / "set")
    assert report.orientations == {"RAS": 5, "LPS": 1}
    assert report.problems == ()
    assert report.scan_spacing_mm.median == (1, 1, 2.5)
    assert report.scan_shape.largest == (12, 14, 10)
    told = report.to_dict()
    assert told["orientations"] == {"RAS": 5, "LPS": 1}
    assert told["scan_spacing_mm"] == {"least": (1, 1, 2.5), "median": (1, 1, 2.5), "largest": (1, 1, 2.5)}
    assert any("orientation RAS (5), LPS (1)" in line for line in report.lines())
    assert "           spacing in mm 1 x 1 x 2.5" in report.lines()


def test_volume_extent_and_parts_of_a_class_are_told(nifti: Callable[..., Any], tmp_path: Path) -> None:
    source = nifti(4)
    label = two_boxes()
    label[0, 0, 0] = 2
    source.label("b", label)
    prepare_nifti(source.path, tmp_path / "set", PrepareOptions(labeled=3, val=0, test=1))
    report = inspect(tmp_path / "set")
    one, two = report.classes
    assert (one.voxels, one.components) == ((75, 75, 75), (1, 1, 1))
    assert two.voxels == (75, 75, 76)
    assert two.components == (1, 1, 2)
    assert two.extent_mm[0] == (3, 5, 12.5)
    assert two.extent_mm[2] == (9, 9, 17.5)
    assert two.largest_part == (pytest.approx(75 / 76), 1, 1)
    assert any(line.endswith("parts 1 | 1 | 2 (least | median | largest)") for line in report.lines())


def test_odd_things_are_told_and_leave_the_set_sound(nifti: Callable[..., Any], tmp_path: Path) -> None:
    source = nifti(8)
    label = two_boxes()
    label[label == 2] = 0
    label[3:6, 4:9, 0] = 1
    source.label("c", label)
    prepare_nifti(source.path, tmp_path / "set", PrepareOptions(labeled=6, val=1, test=1))
    report = inspect(tmp_path / "set")
    assert {(finding.kind, finding.cases) for finding in report.odd} == {("missing", ("c",)), ("border", ("c",))}
    assert report.lines()[-1] == "sound"
    assert "ODD        The class class_2 is missing from 1 of 6 labels: c." in report.lines()


def test_a_scan_in_another_unit_is_odd_only_where_units_matter(nifti: Callable[..., Any], tmp_path: Path) -> None:
    source = nifti(10)
    source.image("c", 3 * scan(2))
    halves = np.repeat([0.0, 1000.0], 6)[:, None, None] + scan(4) / 100  # no unit makes it like the others
    source.image("e", halves.astype(np.float32))

    def odd(normalize: str) -> dict[str, str]:
        folder = tmp_path / normalize
        prepare_nifti(source.path, folder, PrepareOptions(val=1, test=1, normalize=normalize))
        return {finding.cases[0]: finding.text for finding in inspect(folder).found if finding.kind == "intensity"}

    assert list(odd("window:0,2000")) == ["c", "e"]
    told = odd("z-score")
    assert list(told) == ["e"]
    assert told["e"].startswith("Case e has normalised intensities of -1.00")


def test_the_same_scan_in_two_splits_makes_a_set_unsound_even_if_it_is_mirrored(tmp_path: Path) -> None:
    info = written(tmp_path, twin=lambda image: image[::-1, :, ::-1])
    report = inspect(tmp_path)
    assert report.problems == (
        "Cases a (train_labeled) and t (test) hold the same scan, as it is or turned, in different splits; keep one of "
        "them and prepare anew.",
    )
    assert [finding.kind for finding in report.found if finding.problem] == ["duplicate"]
    assert info.digest == report.info.digest
    quick = inspect(tmp_path, verify=False, images=False)
    assert quick.problems == ()
    assert any(line.startswith("unread") for line in quick.lines())


def test_sets_of_version_0_1_with_scans_of_several_orientations_are_not_sound(tmp_path: Path) -> None:
    written(tmp_path, affine=np.diag([-1.0, -1.0, 1.0, 1.0]))
    (problem,) = inspect(tmp_path).problems
    assert (
        problem == "The scans have different orientations (1 LPS, 2 RAS) and were not turned to one; prepare anew. "
        "Not RAS: t."
    )


def test_a_label_cut_by_the_crop_touches_no_border_of_the_scan(tmp_path: Path) -> None:
    written(tmp_path, crop_start=(2, 2, 2))
    assert [finding.kind for finding in inspect(tmp_path).odd] == []
    written(tmp_path / "uncropped")
    assert [finding.kind for finding in inspect(tmp_path / "uncropped").odd] == ["border"]


def written(
    folder: Path,
    twin: Callable[[Any], Any] = lambda image: np.random.default_rng(9).normal(size=image.shape),
    affine: Any = None,
    crop_start: tuple[int, int, int] = (0, 0, 0),
) -> DatasetInfo:
    """Write a set as version 0.1 did, of which `twin` makes the test case's image from that of the first."""
    image = np.random.default_rng(0).normal(size=(9, 8, 7)).astype(np.float32)
    images = {"a": image, "b": np.random.default_rng(1).normal(size=image.shape), "t": twin(image)}
    label = np.zeros(image.shape, np.uint8)
    label[0:4, 2:5, 2:5] = 1
    digests = {
        case_id: write_case(
            folder,
            case_id,
            array,
            label,
            Grid((1, 1, 1), affine if affine is not None and case_id == "t" else np.eye(4), (15, 15, 15), crop_start),
            classes=1,
        )
        for case_id, array in images.items()
    }
    info = build_info(
        folder,
        name="old",
        channels=("MR",),
        classes=("thing",),
        splits=Splits(train_labeled=("a", "b"), test=("t",)),
        train_order=("a", "b"),
        digests=digests,
        origin=Origin("test"),
    )
    write_info(folder, info)
    return info


def test_groups_are_counted_and_one_that_is_in_two_splits_is_a_problem(
    nifti: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "groups.csv").write_text("case,group\na,p1\nb,p1\nc,p2\nd,p2\ne,p2\n")
    options = PrepareOptions(labeled=2, val=1, test=0, groups=tmp_path / "groups.csv")
    info = prepare_nifti(nifti(6).path, tmp_path / "set", options).info
    report = inspect(tmp_path / "set")
    assert report.problems == ()
    assert report.grouped == "2 groups of 2 to 3 cases, each in one split; 1 cases are in no group"
    assert f"           {report.grouped}" in report.lines()
    assert report.to_dict()["groups"]["e"] == "p2"
    torn = info.model_copy(update={"groups": info.groups | {"f": "p1"}})
    write_info(tmp_path / "set", torn)
    assert inspect(tmp_path / "set", verify=False, images=False).problems == (
        "Group p1 is in two splits, case a in train_labeled and case f in val; prepare anew.",
    )
    write_info(tmp_path / "set", info.model_copy(update={"groups": {}}))
    assert inspect(tmp_path / "set", verify=False, images=False).grouped == ""

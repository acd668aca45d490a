from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.store import (
    Grid,
    Origin,
    Splits,
    build_info,
    case_digest,
    case_path,
    open_case,
    open_info,
    open_split,
    open_training,
    shuffled,
    write_case,
    write_info,
)
from simcvd.errors import UserError

SHAPE = (8, 9, 10)


def label_of(number: int) -> np.ndarray[Any, Any]:
    label = np.zeros(SHAPE, np.uint8)
    label[2:5, 2:6, 2 : 5 + number % 3] = 1
    return label


def make(folder: Path, unlabeled_label: int = 0) -> DatasetInfo:
    """Write a..d for training (d without label), v for validation, t for the test."""
    digests = {}
    for number, case_id in enumerate("abcdvt"):
        image = np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)
        label = None if case_id == "d" else label_of(unlabeled_label if case_id == "c" else number)
        digests[case_id] = write_case(
            folder, case_id, image, label, Grid((1, 1, number + 1), np.eye(4), (20, 20, 20), (1, 2, 3)), classes=1
        )
    info = build_info(
        folder,
        name="tiny",
        channels=("MR",),
        classes=("thing",),
        splits=Splits(train_labeled=("a", "b"), train_unlabeled=("c", "d"), val=("v",), test=("t",)),
        train_order=("a", "b", "c", "d"),
        digests=digests,
        origin=Origin("test"),
    )
    write_info(folder, info)
    return info


def test_case_comes_back_as_it_was_written(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    affine = np.diag([1.0, 2, 3, 1])
    digest = write_case(tmp_path, "a", image, label_of(0), Grid((1, 2, 3), affine, (20, 20, 20), (1, 2, 3)), classes=2)
    case = open_case(tmp_path, "a", with_label=True)
    np.testing.assert_array_equal(case.image, image[None])
    assert case.label is not None
    assert case.sdm is not None
    np.testing.assert_array_equal(case.label, label_of(0))
    assert case.sdm.shape == (2, *SHAPE)
    assert (case.sdm.dtype, case.label.dtype, case.image.dtype) == (np.float16, np.uint8, np.float32)
    assert (case.sdm[1] == 1).all()  # an absent class
    assert (case.spacing_mm, case.original_shape, case.crop_start) == ((1, 2, 3), (20, 20, 20), (1, 2, 3))
    np.testing.assert_array_equal(case.affine, affine)
    assert case_digest(tmp_path, "a") == digest


def test_several_channels_keep_their_axis(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    write_case(tmp_path, "a", image, None, Grid((1, 1, 1), np.eye(4), SHAPE), classes=1)
    np.testing.assert_array_equal(open_case(tmp_path, "a", with_label=True).image, image)


def test_case_is_a_read_only_memory_map_without_copies(tmp_path: Path) -> None:
    make(tmp_path)
    case = open_case(tmp_path, "a", with_label=True)
    for array in (case.image, case.label, case.sdm):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_unlabelled_cases_are_opened_without_their_label(tmp_path: Path) -> None:
    make(tmp_path)
    assert all(case.label is None and case.sdm is None for case in open_training(tmp_path).unlabeled)


def test_training_view_holds_no_test_case(tmp_path: Path) -> None:
    make(tmp_path)
    case_path(tmp_path, "t").unlink()  # nothing even looks for it
    view = open_training(tmp_path)
    assert [[case.id for case in cases] for cases in (view.labeled, view.unlabeled, view.val)] == [
        ["a", "b"],
        ["c", "d"],
        ["v"],
    ]


def test_number_of_labelled_cases_can_change_later(tmp_path: Path) -> None:
    make(tmp_path)
    assert [case.id for case in open_training(tmp_path, labeled=1).labeled] == ["a"]
    view = open_training(tmp_path, labeled=3)
    assert [case.id for case in view.labeled] == ["a", "b", "c"]
    assert [case.id for case in view.unlabeled] == ["d"]
    with pytest.raises(UserError, match=r"data\.labeled is 4, but only 3 training cases of 'tiny' have a label"):
        open_training(tmp_path, labeled=4)


def test_all_labelled_cases_can_be_asked_for(tmp_path: Path) -> None:
    make(tmp_path)
    for label_split in (None, 3):
        view = open_training(tmp_path, "all", label_split)
        assert [case.id for case in view.labeled] == ["a", "b", "c"]
        assert all(case.label is not None and case.sdm is not None for case in view.labeled)
        assert [(case.id, case.label) for case in view.unlabeled] == [("d", None)]


def test_label_split_draws_nested_subsets_in_list_order(tmp_path: Path) -> None:
    make(tmp_path)
    drawn = [[case.id for case in open_training(tmp_path, 2, seed).labeled] for seed in range(6)]
    assert all(ids == sorted(ids) for ids in drawn)
    assert len({tuple(ids) for ids in drawn}) == 3
    for seed in range(6):
        assert open_training(tmp_path, 1, seed).labeled[0].id in drawn[seed]


def test_shuffle_is_pinned() -> None:
    assert shuffled("abcde", 0) == ["c", "b", "e", "d", "a"]


def test_test_split_opens_with_labels_and_training_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    assert [case.label is not None for case in open_split(tmp_path, "test")] == [True]
    with pytest.raises(UserError, match="expected val or test"):
        open_split(tmp_path, "train_unlabeled")


def test_info_survives_its_file_and_digest_ignores_names(tmp_path: Path) -> None:
    info = make(tmp_path)
    assert open_info(tmp_path) == info
    assert info.model_copy(update={"name": "other", "source": "elsewhere"}).digest == info.digest
    assert info.model_copy(update={"train_order": ("b", "a", "c", "d")}).digest != info.digest
    assert info.spacing_mm == (1, 1, 2.5)
    assert info.with_label == ("a", "b", "c", "v", "t")


def test_label_of_an_unlabelled_case_enters_no_statistic(tmp_path: Path) -> None:
    one = make(tmp_path / "one", unlabeled_label=0).model_dump()
    other = make(tmp_path / "other", unlabeled_label=1).model_dump()
    assert one.pop("digests") != other.pop("digests")
    assert one == other


def test_intensity_is_of_the_scans_before_normalisation(tmp_path: Path) -> None:
    scans = [np.random.default_rng(n).gamma(2, 50 * (n + 1), SHAPE).astype(np.float32) for n in range(2)]
    digests = {}
    for case_id, scan in zip("ab", scans, strict=True):
        mean, std = float(scan.mean()), float(scan.std())
        normal = (scan - mean) / std
        digests[case_id] = write_case(
            tmp_path,
            case_id,
            normal,
            label_of(0),
            Grid((1, 1, 1), np.eye(4), SHAPE),
            classes=1,
            intensity_mean=[mean],
            intensity_std=[std],
        )
    info = build_info(
        tmp_path,
        name="n",
        channels=["MR"],
        classes=["a"],
        splits=Splits(train_labeled=("a", "b")),
        train_order=["a", "b"],
        digests=digests,
        origin=Origin(""),
    )
    voxels = np.concatenate([scan.reshape(-1) for scan in scans])
    assert info.intensity[0].mean == pytest.approx(voxels.mean(), rel=1e-5)
    assert info.intensity[0].std == pytest.approx(voxels.std(), rel=1e-5)
    assert info.intensity[0].percentile_50 == pytest.approx(np.median(voxels), rel=1e-5)


def test_truncated_and_foreign_case_files_are_told(tmp_path: Path) -> None:
    make(tmp_path)
    path = case_path(tmp_path, "a")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(UserError, match=r"a\.h5 is truncated or no case file"):
        open_case(tmp_path, "a", with_label=True)
    path.write_text("something else")
    with pytest.raises(UserError, match=r"a\.h5 is truncated or no case file"):
        open_case(tmp_path, "a", with_label=False)
    path.unlink()
    with pytest.raises(UserError, match=r"a\.h5 is missing"):
        open_case(tmp_path, "a", with_label=False)


def test_missing_unfinished_and_foreign_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no data set in"):
        open_info(tmp_path)
    (tmp_path / "cases").mkdir()
    with pytest.raises(UserError, match="is not finished"):
        open_info(tmp_path)
    for content in ("[]", '{"format_version": 1}', "no json"):
        (tmp_path / "dataset.json").write_text(content)
        with pytest.raises(UserError, match="was not written by"):
            open_info(tmp_path)
    (tmp_path / "dataset.json").write_text('{"format_version": 99}')
    with pytest.raises(UserError, match="has format version 99, expected 1"):
        open_info(tmp_path)

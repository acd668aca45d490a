from pathlib import Path

import numpy as np
import pytest

from simcvd.config.settings import DataConfig
from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.store import (
    Grid,
    Origin,
    Splits,
    build_info,
    case_path,
    labeled_ids,
    open_split,
    open_training,
    shuffled,
    write_case,
)
from simcvd.errors import UserError
from tests.simcvd.data.tiny_info import info_of
from tests.simcvd.data.tiny_store import SHAPE, label_of, make


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
    assert [case.id for case in open_training(tmp_path, DataConfig(labeled=1)).labeled] == ["a"]
    view = open_training(tmp_path, DataConfig(labeled=3))
    assert [case.id for case in view.labeled] == ["a", "b", "c"]
    assert [case.id for case in view.unlabeled] == ["d"]
    with pytest.raises(UserError, match=r"data\.labeled is 4, but only 3 training cases of 'tiny' have a label"):
        open_training(tmp_path, DataConfig(labeled=4))


def test_all_labelled_cases_can_be_asked_for(tmp_path: Path) -> None:
    make(tmp_path)
    for label_split in (None, 3):
        view = open_training(tmp_path, DataConfig(labeled="all", label_split=label_split))
        assert [case.id for case in view.labeled] == ["a", "b", "c"]
        assert all(case.label is not None and case.sdm is not None for case in view.labeled)
        assert [(case.id, case.label) for case in view.unlabeled] == [("d", None)]


def test_label_split_draws_nested_subsets_in_list_order(tmp_path: Path) -> None:
    make(tmp_path)

    def ids(labeled: int, seed: int) -> list[str]:
        return [case.id for case in open_training(tmp_path, DataConfig(labeled=labeled, label_split=seed)).labeled]

    drawn = [ids(2, seed) for seed in range(6)]
    assert all(own == sorted(own) for own in drawn)
    assert len({tuple(own) for own in drawn}) == 3
    for seed in range(6):
        assert ids(1, seed)[0] in drawn[seed]


def test_shuffle_is_pinned() -> None:
    assert shuffled("abcde", 0) == ["c", "b", "e", "d", "a"]


def test_test_split_opens_with_labels_and_training_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    assert [case.label is not None for case in open_split(tmp_path, "test")] == [True]
    with pytest.raises(UserError, match="expected val or test"):
        open_split(tmp_path, "train_unlabeled")


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


GROUPS = {"a": "p", "b": "q", "c": "p", "d": "q", "e": "r"}


def _grouped() -> DatasetInfo:
    splits = Splits(train_labeled=("a", "c"), train_unlabeled=("b", "d", "e", "f"), test=("t",))
    return info_of(splits, "abcdef", "abcdeft", GROUPS)


def test_scans_of_one_patient_are_labelled_together_or_not_at_all_in_every_draw() -> None:
    drawn = set()
    for split in (None, *range(20)):
        for count in range(1, 7):
            chosen = labeled_ids(_grouped(), count, split)
            assert len(chosen) == count
            assert {"a", "c"} <= chosen or not {"a", "c"} & chosen
            assert {"b", "d"} <= chosen or not {"b", "d"} & chosen
            drawn.add(frozenset(chosen) if count == 2 else frozenset())
    assert drawn - {frozenset()} == {frozenset("ac"), frozenset("bd"), frozenset("ef")}
    assert labeled_ids(_grouped(), None, 0) in ({"a", "c"}, {"b", "d"}, {"e", "f"}), "the data set's own number"
    assert labeled_ids(_grouped(), "all", 0) == set("abcdef")
    bare = _grouped().model_copy(update={"groups": {}})
    assert any(len({"a", "c"} & labeled_ids(bare, 2, split)) == 1 for split in range(20)), (
        "without groups they are torn"
    )


def test_a_number_of_labels_that_no_whole_groups_hold_is_refused_with_those_beside_it() -> None:
    pairs = _grouped().model_copy(update={"groups": GROUPS | {"e": "r", "f": "r"}})
    told = (
        r"data\.labeled is 3, but the groups of 'tiny' are labelled whole and none of them together hold 3 training "
        r"cases with a label; ask for 2 or 4\."
    )
    with pytest.raises(UserError, match=told):
        labeled_ids(pairs, 3, 0)
    with pytest.raises(UserError, match=r"ask for 2\."):
        labeled_ids(pairs, 1, None)

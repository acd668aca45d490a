import json
from pathlib import Path

import pytest

from simcvd.data.preparation.splits import (
    SplitCounts,
    SplitLists,
    case_id_of,
    read_split_file,
    split_by_count,
    split_by_lists,
)
from simcvd.data.store import Splits
from simcvd.errors import UserError

IDS = list("abcdefgh")


def test_test_and_validation_come_from_the_end() -> None:
    splits, order = split_by_count(IDS, IDS, SplitCounts(labeled=2, val=1, test=2))
    assert splits == Splits(train_labeled=("a", "b"), train_unlabeled=("c", "d", "e"), val=("f",), test=("g", "h"))
    assert order == list("abcde")


def test_cases_without_label_are_unlabelled_training_cases() -> None:
    splits, order = split_by_count(IDS, list("acegh"), SplitCounts(test=1))
    assert splits == Splits(train_labeled=tuple("aceg"), train_unlabeled=tuple("bdf"), test=("h",))
    assert order == list("acegbdf")


def test_number_of_unlabelled_cases_can_be_limited() -> None:
    splits, _ = split_by_count(IDS, IDS, SplitCounts(labeled=2, unlabeled=1, test=2))
    assert splits == Splits(train_labeled=("a", "b"), train_unlabeled=("c",), test=("g", "h"))
    with pytest.raises(UserError, match="asks for 9 unlabelled cases, but 4 are left"):
        split_by_count(IDS, IDS, SplitCounts(labeled=2, unlabeled=9, test=2))


def test_seed_draws_one_order_for_all_splits() -> None:
    counts = SplitCounts(labeled=2, val=2, test=2, seed=3)
    assert split_by_count(IDS, IDS, counts) == split_by_count(IDS[::-1], IDS, counts)
    others = {split_by_count(IDS, IDS, SplitCounts(labeled=2, test=2, seed=seed))[0].test for seed in range(10)}
    assert len(others) > 5


def test_too_few_cases_are_told() -> None:
    with pytest.raises(UserError, match="6 labelled training, 1 val and 2 test cases, but only 8 cases have a label"):
        split_by_count(IDS, IDS, SplitCounts(labeled=6, val=1, test=2))
    with pytest.raises(UserError, match="expected at least 1, 0, 0"):
        split_by_count(IDS, IDS, SplitCounts(labeled=0))


def test_yaml_and_json_files_decide_everything(tmp_path: Path) -> None:
    text = "train_labeled: [a]\ntrain_unlabeled: [c, b]\ntest: [d]\n"
    (tmp_path / "s.yaml").write_text(text)
    (tmp_path / "s.json").write_text(json.dumps({"train_labeled": ["a"], "train_unlabeled": ["c", "b"], "test": ["d"]}))
    for name in ("s.yaml", "s.json"):
        splits, order = split_by_lists(read_split_file(tmp_path / name), IDS, IDS, SplitCounts(), ())
        assert splits == Splits(train_labeled=("a",), train_unlabeled=("c", "b"), test=("d",))
        assert order == ["a", "c", "b"]
    with pytest.raises(UserError, match="Both the split file and a count decide train_labeled"):
        split_by_lists(read_split_file(tmp_path / "s.yaml"), IDS, IDS, SplitCounts(labeled=1), ())
    with pytest.raises(UserError, match="Both the split file and a seed"):
        split_by_lists(read_split_file(tmp_path / "s.yaml"), IDS, IDS, SplitCounts(seed=1), ())


def test_text_lists_leave_the_labelled_number_open(tmp_path: Path) -> None:
    (tmp_path / "train.list").write_text("c\nb/mri_norm2.h5\n\na.nii.gz\nd\n")
    (tmp_path / "test.list").write_text("h\ng\n")
    for path in (tmp_path, tmp_path / "train.list"):
        splits, order = split_by_lists(read_split_file(path), IDS, IDS, SplitCounts(labeled=2, val=1), ())
        assert splits == Splits(train_labeled=("c", "b"), train_unlabeled=("a",), val=("d",), test=("h", "g"))
        assert order == ["c", "b", "a"]
    with pytest.raises(UserError, match="Both the split file and a count decide test"):
        split_by_lists(read_split_file(tmp_path), IDS, IDS, SplitCounts(test=1), ())


def lists(**ids: tuple[str, ...]) -> SplitLists:
    return SplitLists(Splits(**ids), None, frozenset(Splits.model_fields))


def test_wrong_ids_in_a_split_file_are_told() -> None:
    with pytest.raises(UserError, match="names z, which the source does not have"):
        split_by_lists(lists(train_labeled=("a", "z")), IDS, IDS, SplitCounts(), ())
    with pytest.raises(UserError, match="names a more than once"):
        split_by_lists(lists(train_labeled=("a",), test=("a",)), IDS, IDS, SplitCounts(), ())
    with pytest.raises(UserError, match="puts b into val, but there is no label"):
        split_by_lists(lists(train_labeled=("a",), val=("b",)), IDS, ["a"], SplitCounts(), ())
    with pytest.raises(UserError, match="leaves no labelled training case"):
        split_by_lists(lists(train_labeled=("a",), val=("b",)), IDS, IDS, SplitCounts(), ("a",))


def test_foreign_split_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    with pytest.raises(UserError, match="can't be read"):
        read_split_file(path)
    with pytest.raises(UserError, match=r"can't be read .*train\.list"):
        read_split_file(tmp_path)
    path.write_text("train: [a]")
    with pytest.raises(UserError, match="holds other things than train_labeled"):
        read_split_file(path)
    path.write_text("train_labeled: [1]")
    with pytest.raises(UserError, match="is no list of case ids; quote ids"):
        read_split_file(path)
    path.write_text("a: [")
    with pytest.raises(UserError, match="is not valid YAML"):
        read_split_file(path)


def test_a_count_takes_a_split_from_the_lists_and_leaves_the_others() -> None:
    both = SplitLists(Splits(val=("c",), test=("d",)), ("a", "b"), frozenset({"val", "test"}))
    assert both.without(()) is both
    assert both.without({"val"}) == SplitLists(Splits(test=("d",)), ("a", "b", "c"), frozenset({"test"}))
    assert both.without({"val", "test"}) is None
    everything = lists(train_labeled=("a",))
    assert everything.without({"val"}) is everything


@pytest.mark.parametrize("name", ["a.b.nii.gz", "a.b.NII", "x/a.b.nrrd", "a.b.mha", "a.b.mhd", "a.b.h5", "a.b"])
def test_case_id_is_the_file_name_without_its_ending(name: str) -> None:
    assert case_id_of(name) == "a.b"

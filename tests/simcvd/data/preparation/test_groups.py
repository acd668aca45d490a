"""Scans of one patient stay together: the file that says so, and what preparation makes of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.data.preparation.groups import read_groups
from simcvd.data.preparation.prepare import PrepareReport
from simcvd.data.preparation.splits import SplitCounts, SplitLists, split_by_count, split_by_lists
from simcvd.data.store import Splits, labeled_ids, open_info
from simcvd.errors import UserError
from tests.simcvd.data.preparation.tiny_folder import BOX, Nifti, run, scan
from tests.simcvd.data.tiny_info import info_of

IDS = list("abcdefgh")
PAIRS = {case_id: f"p{number // 2}" for number, case_id in enumerate(IDS)}


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """Patients of the cases a to f: two scans of each of two, one of a third; f is in no line."""
    path = tmp_path / "groups.csv"
    path.write_text("case,group\na,p1\nc,p1\nb,p2\nd,p2\ne,p3\n")
    return path


def test_a_file_names_the_group_of_each_case_as_text(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(b'\xef\xbb\xbfcase,group\r\na, 007 \r\n\r\n"b","x, y"\r\n , \r\nc,2.5\r\n')
    assert read_groups(path) == {"a": "007", "b": "x, y", "c": "2.5"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty; expected a CSV file whose first line is case,group"),
        ("\n \n", "is empty; expected a CSV"),
        ("case,group\n", "names no case; expected a CSV"),
        ("case,group\n,\n", "names no case; expected a CSV"),
        ("a,p1\nb,p1\n", "begins with 'a,p1'; expected a CSV file whose first line is case,group"),
        ("case;group\na;p1\n", "begins with 'case;group'; expected a CSV"),
        ("group,case\np1,a\n", "begins with 'group,case'; expected a CSV"),
        ("case,group,age\na,p1,70\n", "begins with 'case,group,age'; expected a CSV"),
        ("case,group\na,p1\nb,\n", "Row 3 of the groups file .* is 'b,'; expected a case and its group"),
        ("case,group\n ,p1\n", "Row 2 of the groups file .* is ',p1'; expected a case and its group"),
        ("case,group\na\n", "Row 2 of the groups file .* is 'a'; expected a case and its group"),
        ("case,group\na,p,q\n", "Row 2 of the groups file .* is 'a,p,q'; expected a case and its group"),
        ("case,group\na,p1\na,p2\n", "names case a more than once; name each case once"),
        ("case,group\na,p1\na,p1\n", "names case a more than once"),
        ("case,group\na,1\nb,1.0\n", "names the groups 1 and 1.0; write one group in one way"),
        ("case,group\na,007\nb,7\n", "names the groups 007 and 7; write one group in one way"),
        ("case,group\na,P1\nb,p1\n", "names the groups P1 and p1; write one group in one way"),
        ('case,group\n"a,p1\n', "can't be read .*; expected a CSV"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_one_sentence(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=told) as caught:
        read_groups(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "groups.xlsx").write_bytes(b"PK\x03\x04\xff\xfe")
    for path in (tmp_path / "groups.xlsx", tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match=r"can't be read .*; expected a CSV file whose first line is case,group"):
            read_groups(path)


def test_an_unknown_case_is_told_with_what_may_have_been_meant_and_nothing_is_made(nifti: Nifti, target: Path) -> None:
    source = nifti(0)
    for number in range(3):
        source.image(f"patient_{number}", scan(number))
        source.label(f"patient_{number}", BOX)
    path = target.with_name("groups.csv")
    path.write_text("case,group\npatient_1,p1\npatient_7.nii.gz,p1\n")
    told = r"names case patient_7\.nii\.gz, which the source does not have \(did you mean patient_\d or .*\?\); correct"
    with pytest.raises(UserError, match=told):
        run(source, target, groups=path)
    assert not target.exists()


def _home(info: Any) -> dict[str, str]:
    return {case_id: name for name, ids in info.splits.items() for case_id in ids}


def _torn(info: Any, groups: dict[str, str]) -> list[str]:
    """Return the groups whose cases are in two splits."""
    home = _home(info)
    own: dict[str, set[str]] = {}
    for case_id, group in groups.items():
        own.setdefault(group, set()).add(home[case_id])
    return [group for group, splits in own.items() if len(splits) > 1]


def test_without_groups_scans_of_one_patient_are_torn_and_with_them_they_are_not(
    nifti: Nifti, target: Path, groups: Path
) -> None:
    source = nifti()
    named = read_groups(groups)
    assert _torn(run(source, target, test=1).info, {"e": "p3", "f": "p3"} | named) == ["p3"]
    for seed in (None, 0):
        report = run(source, target.with_name(f"set{seed}"), labeled=2, val=2, test=2, seed=seed, groups=groups)
        assert _torn(report.info, named) == []
        assert [len(ids) for _, ids in report.info.splits.items()] == [2, 0, 2, 2]
        assert report.info.groups == named
        assert open_info(target.with_name(f"set{seed}")) == report.info
        assert report.notes == (f"1 cases are not in {groups} and are each alone: f.",)


def test_a_count_that_whole_groups_can_not_meet_is_met_by_the_nearest_and_told() -> None:
    pairs = split_by_count(IDS, IDS, SplitCounts(labeled=1, val=1, test=3), PAIRS)[0]
    assert pairs == Splits(train_labeled=("a", "b"), train_unlabeled=("c", "d"), val=("e", "f"), test=("g", "h"))
    triples = {case_id: f"p{number // 3}" for number, case_id in enumerate("abcdefghi")}
    splits = split_by_count("abcdefghi", "abcdefghi", SplitCounts(test=2), triples)[0]
    assert splits.test == ("g", "h", "i"), "of 0 and 3, never 0"
    splits = split_by_count("abcdefghi", "abcdefghi", SplitCounts(test=5), triples)[0]
    assert splits.test == tuple("defghi")


def test_the_nearest_count_is_told(nifti: Nifti, target: Path) -> None:
    path = target.with_name("groups.csv")
    path.write_text("case,group\na,1\nb,1\nc,2\nd,2\ne,3\nf,3\n")
    report = run(nifti(), target, labeled=1, val=1, test=1, groups=path)
    assert report.notes == tuple(
        f"Groups are kept whole, so {name} has 2 cases in place of 1." for name in ("train_labeled", "val", "test")
    )
    assert report.info.splits.all() == list("abcdef")


def test_a_group_is_passed_over_where_a_count_is_met_exactly_without_it() -> None:
    groups = {"e": "p", "f": "p", "g": "p"}
    splits, order = split_by_count("abcdefg", "abcdefg", SplitCounts(labeled=1, test=2), groups)
    assert splits == Splits(train_labeled=("a",), train_unlabeled=("b", "e", "f", "g"), test=("c", "d"))
    assert order == list("abefg")


def test_groups_that_leave_no_labelled_training_case_are_told() -> None:
    with pytest.raises(
        UserError, match="0 val and 2 test cases, and groups are kept whole, so that no case with a label"
    ):
        split_by_count("abc", "abc", SplitCounts(test=2), dict.fromkeys("abc", "p"))


def test_scans_without_label_of_a_test_patient_are_not_trained_on() -> None:
    groups = {"a": "p", "b": "q", "u": "q", "v": "p"}
    splits, order = split_by_count("abuvw", "ab", SplitCounts(test=1), groups)
    assert splits == Splits(train_labeled=("a",), train_unlabeled=("v", "w"), test=("b",))
    assert order == list("avw")


def _lists(train: tuple[str, ...] | None = None, **ids: str) -> SplitLists:
    decided = frozenset(Splits.model_fields) if train is None else frozenset(ids)
    return SplitLists(Splits(**{name: tuple(each) for name, each in ids.items()}), train, decided)


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        (_lists(train_labeled="a", test="b"), "case a of group p0 into train_labeled and case b into test; keep all"),
        (
            _lists(train_labeled="a", train_unlabeled="cb"),
            "case a of group p0 into train_labeled and case b into train_un",
        ),
        (_lists(train_labeled="c", val="a", test="b"), "case a of group p0 into val and case b into test"),
        (_lists(tuple("abcd"), test="ef"), None),
        (_lists(tuple("abce"), test="fd"), "case c of group p1 into train_labeled and case d into test"),
        (_lists(train_labeled="ab", train_unlabeled="cd", val="ef", test="gh"), None),
    ],
)
def test_a_split_file_that_tears_a_group_is_refused_with_both_splits(lists: SplitLists, told: str | None) -> None:
    split_by_lists(lists, IDS, IDS, SplitCounts(), ())
    if told is None:
        split_by_lists(lists, IDS, IDS, SplitCounts(), (), PAIRS)
        return
    with pytest.raises(UserError, match=f"^The split file puts {told}"):
        split_by_lists(lists, IDS, IDS, SplitCounts(), (), PAIRS)


def test_counts_beside_a_list_keep_groups_whole() -> None:
    splits, order = split_by_lists(
        _lists(tuple("acbdef"), test="gh"), IDS, IDS, SplitCounts(labeled=2, val=2), (), PAIRS
    )
    assert splits == Splits(train_labeled=("a", "b"), train_unlabeled=("c", "d"), val=("e", "f"), test=("g", "h"))
    assert order == list("acbd")
    assert labeled_ids(info_of(splits, order, IDS, PAIRS), 2, None) == {"a", "b"}


def test_a_set_without_groups_has_the_file_and_digest_that_it_always_had(
    nifti: Nifti, target: Path, groups: Path
) -> None:
    source = nifti()
    plain = run(source, target, test=1)
    assert "groups" not in json.loads((target / "dataset.json").read_text())
    assert "groups" not in plain.info.model_dump(mode="json")
    splits = Splits(train_labeled=("a", "b"), train_unlabeled=("c",), val=("d",), test=("e",))
    info = info_of(splits, "abc", "abde", {})
    assert info.digest == "2c4cb88a16ed1f96bc5afcdd64391f0edb79cdc175165665370b1dd46cfa5f8e", "as version 0.1 has it"
    assert info_of(splits, "abc", "abde", {"a": "p"}).digest != info.digest, "since groups change what is labelled"
    grouped = run(source, target.with_name("other"), test=1, groups=groups)
    told = "is finished and was made with another groups; choose another folder"
    with pytest.raises(UserError, match=told):
        run(source, target, test=1, groups=groups)
    again = run(source, target.with_name("other"), test=1, groups=groups)
    assert (again.written, again.info) == (0, grouped.info)
    groups.write_text("case,group\na,p1\nc,p1\n")
    with pytest.raises(UserError, match=told):
        run(source, target.with_name("other"), test=1, groups=groups)


def test_a_bad_case_leaves_its_group_whole(nifti: Nifti, target: Path, groups: Path) -> None:
    source = nifti()
    source.image("d", scan(3)[:5])
    report: PrepareReport = run(source, target, labeled=2, test=2, skip_bad=True, groups=groups)
    assert list(report.left_out) == ["d"]
    assert report.info.groups == {"a": "p1", "c": "p1", "b": "p2", "e": "p3"}
    assert _torn(report.info, report.info.groups) == []


@pytest.mark.parametrize(
    "places",
    [
        {"train_labeled": ["b", "a"]},
        {"train_labeled": ["b"], "train_unlabeled": ["a"]},
        {"train_labeled": ["b"], "val": ["a"]},
    ],
)
def test_the_same_scan_under_two_ids_is_found_across_the_splits_of_a_split_file(
    nifti: Nifti, target: Path, places: dict[str, list[str]]
) -> None:
    source = nifti(4)
    source.image("e", scan(0))
    source.label("e", np.roll(BOX, 1))
    source.image("a", scan(0))
    split = target.with_name("split.json")
    split.write_text(json.dumps(places | {"test": ["e"]}))
    with pytest.raises(UserError, match=r"Case e: its image is that of case a, expected every scan once"):
        run(source, target, split_file=split, val=None, test=None)

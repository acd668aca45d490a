import random
from collections import Counter
from pathlib import Path

import pytest

from simcvd.config import TrialConfig, apply_settings, trial_id
from simcvd.config.settings import DataConfig
from simcvd.data.dataset_info import DatasetInfo, Splits
from simcvd.data.store import open_training
from simcvd.data.training_cases import TrainingCases, fold_parts, training_cases, unseen_ids
from simcvd.errors import UserError
from tests.simcvd.data.tiny_info import info_of
from tests.simcvd.data.tiny_store import make


def _alone(labeled: int, unlabeled: int = 0, groups: dict[str, str] | None = None) -> DatasetInfo:
    """Describe cases n0, n1, ... of which the first are labelled, two val cases and a test case."""
    names = [f"n{number}" for number in range(labeled + unlabeled)]
    splits = Splits(
        train_labeled=tuple(names[:labeled]), train_unlabeled=tuple(names[labeled:]), val=("v", "w"), test=("t",)
    )
    return info_of(splits, names, [*names, "v", "w", "t"], groups or {})


def _drawn(seed: int) -> tuple[DatasetInfo, DataConfig]:
    """Return a data set of random size, some cases in groups of one to four, some without label, and a random draw."""
    chance = random.Random(seed)
    names = [f"c{number}" for number in range(chance.randint(8, 25))]
    patients = [f"p{number}" for number in range(len(names) // 2)]
    groups = {name: chance.choice(patients) for name in names if chance.random() < 0.6}
    with_label = [name for name in names if chance.random() < 0.8]
    order = chance.sample(names, len(names))
    labeled = tuple(name for name in order if name in with_label)
    others = tuple(name for name in order if name not in with_label)
    splits = Splits(train_labeled=labeled, train_unlabeled=others, val=("v", "w"), test=("t",))
    info = info_of(splits, order, [*with_label, "v", "w", "t"], groups)
    return info, DataConfig(labeled="all", label_split=seed if seed % 2 else None)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_of_what_is_held_out_is_trained_on_and_each_labelled_case_is_held_out_once(seed: int) -> None:
    info, data = _drawn(seed)
    usual = training_cases(info, data)
    try:
        parts = fold_parts(info, data, 3)
    except UserError:
        assert len({info.groups.get(case_id, case_id) for case_id in usual.labeled}) < 3
        return
    times: Counter[str] = Counter()
    for number in range(3):
        cases = training_cases(info, data.model_copy(update={"fold": (number, 3)}))
        held_out = cases.val[2:]
        assert cases.val[:2] == ("v", "w")
        assert set(held_out) == parts[number]
        assert held_out
        assert cases.labeled
        trained = {*cases.labeled, *cases.unlabeled}
        own = {info.groups.get(case_id, case_id) for case_id in held_out}
        assert not own & {info.groups.get(case_id, case_id) for case_id in trained}, "nor another scan of a patient"
        assert trained <= {*usual.labeled, *usual.unlabeled}
        gone = {*usual.labeled, *usual.unlabeled} - trained - set(held_out)
        assert {info.groups[case_id] for case_id in gone} <= own, "all others are trained on"
        assert list(cases.labeled) == [case_id for case_id in usual.labeled if case_id in trained]
        assert list(cases.unlabeled) == [case_id for case_id in usual.unlabeled if case_id in trained]
        times.update(held_out)
    assert times == dict.fromkeys(usual.labeled, 1)


@pytest.mark.parametrize(("labeled", "parts"), [(12, 4), (10, 4), (7, 7), (3, 2), (101, 10)])
def test_parts_of_cases_without_groups_differ_by_one_at_most(labeled: int, parts: int) -> None:
    sizes = sorted(map(len, fold_parts(_alone(labeled), DataConfig(), parts)))
    assert sum(sizes) == labeled
    assert sizes[-1] - sizes[0] <= 1


@pytest.mark.parametrize(
    ("sizes", "parts", "expected"),
    [
        ([3, 3, 2, 2, 2], 2, [6, 6]),  # where the largest first, each to the smaller part, gives 7 and 5
        ([5, 1, 1, 1], 2, [3, 5]),
        ([4, 4, 4, 1], 3, [4, 4, 5]),
        ([6, 5, 4, 3, 2, 1], 3, [7, 7, 7]),
    ],
)
def test_groups_are_shared_out_as_evenly_as_they_can_be(sizes: list[int], parts: int, expected: list[int]) -> None:
    info = _alone(sum(sizes))
    owners = [f"p{group}" for group, size in enumerate(sizes) for _ in range(size)]
    info = info.model_copy(update={"groups": dict(zip(info.train_order, owners, strict=True))})
    assert sorted(map(len, fold_parts(info, DataConfig(), parts))) == expected


def test_parts_hang_on_the_labelled_cases_and_their_groups_alone() -> None:
    info = _alone(9, unlabeled=4, groups={"n0": "p", "n3": "p", "n10": "q"})
    parts = fold_parts(info, DataConfig(), 3)
    assert [sorted(part) for part in parts] == [["n0", "n3", "n6"], ["n1", "n7", "n8"], ["n2", "n4", "n5"]], "pinned"
    turned = info.model_copy(update={"train_order": info.train_order[::-1]})
    assert fold_parts(turned, DataConfig(fold=(1, 2), train_on_val=False), 3) == parts
    every = {"labeled": "all"}
    assert fold_parts(info, DataConfig(label_split=1, **every), 4) == fold_parts(info, DataConfig(**every), 4)


@pytest.mark.parametrize("label_split", [None, *range(6)])
def test_a_draw_of_labels_is_the_same_in_every_fold(label_split: int | None) -> None:
    info, data = _alone(0, unlabeled=12), DataConfig(labeled=6, label_split=label_split)
    drawn = set(training_cases(info, data).labeled)
    for number in range(3):
        cases = training_cases(info, data.model_copy(update={"fold": (number, 3)}))
        assert {*cases.labeled, *cases.val[2:]} == drawn
        assert {*cases.unlabeled} == set(info.train_order) - drawn


@pytest.mark.parametrize(
    ("info", "parts", "told"),
    [
        (_alone(3), 4, "can't be divided into 4 parts: there are 3 of them; take 2 to 3 parts."),
        (_alone(1), 2, "there are 1 of them; label more (data.labeled), or take no parts."),
        (
            _alone(4, groups={"n0": "p", "n1": "p", "n2": "q", "n3": "q"}),
            3,
            "The labelled cases of 'tiny' can't be divided into 3 parts: there are 4 of them in 2 groups, which stay "
            "whole; take 2 parts.",
        ),
        (_alone(5), 1, "into 1 parts"),
    ],
)
def test_parts_that_can_not_be_are_refused_with_those_that_can(info: DatasetInfo, parts: int, told: str) -> None:
    with pytest.raises(UserError) as caught:
        fold_parts(info, DataConfig(), parts)
    assert told in str(caught.value)
    if parts > 1:
        with pytest.raises(UserError) as again:
            training_cases(info, DataConfig(fold=(0, parts)))
        assert str(again.value) == str(caught.value)


def test_val_cases_that_are_trained_on_come_last_and_none_is_validated_on() -> None:
    info = _alone(2, unlabeled=1)
    assert training_cases(info, DataConfig()) == TrainingCases(("n0", "n1"), ("n2",), ("v", "w"))
    assert training_cases(info, DataConfig(train_on_val=True)) == TrainingCases(("n0", "n1", "v", "w"), ("n2",), ())


def test_the_view_opens_what_the_settings_say_with_labels_where_they_are_used(tmp_path: Path) -> None:
    """Cases a to d train, d has no label, v is for validation."""
    make(tmp_path)
    view = open_training(tmp_path, DataConfig(labeled="all", fold=(0, 3)))
    (_, held_out) = view.val
    assert {case.id for case in view.labeled} == set("abc") - {held_out.id}
    assert [(case.id, case.label) for case in view.unlabeled] == [("d", None)]
    assert all(case.label is not None for case in (*view.labeled, *view.val))
    view = open_training(tmp_path, DataConfig(train_on_val=True))
    assert [case.id for case in view.labeled] == ["a", "b", "v"]
    assert view.labeled[-1].label is not None
    assert view.val == []


def _trial(info: DatasetInfo, **data: object) -> tuple[str, TrialConfig]:
    config = apply_settings(TrialConfig(), {f"data.{name}": value for name, value in data.items()})
    return trial_id(config, info.digest), config


def test_networks_are_scored_on_cases_that_none_of_them_was_trained_on() -> None:
    info = _alone(4)
    plain, kept, first, second = (
        _trial(info),
        _trial(info, train_on_val=True),
        _trial(info, fold=[0, 2]),
        _trial(info, fold=[1, 2]),
    )
    held_out = training_cases(info, first[1].data).val[2:]
    assert unseen_ids(info, "val", []) == unseen_ids(info, "val", [plain]) == ("v", "w")
    assert unseen_ids(info, "val", [first]) == ("v", "w", *held_out)
    assert unseen_ids(info, "val", [first, second]) == unseen_ids(info, "val", [first, plain]) == ("v", "w")
    assert unseen_ids(info, "val", [plain, kept]) == ()
    assert unseen_ids(info, "test", [kept, first]) == ("t",)
    with pytest.raises(UserError, match="expected val or test"):
        unseen_ids(info, "train_labeled", [plain])


def test_another_data_set_is_unseen_to_a_trial_whose_name_says_so() -> None:
    here, elsewhere = _alone(4), _alone(1)
    for trial in (_trial(here, fold=[0, 4]), _trial(here, train_on_val=True)):
        assert unseen_ids(elsewhere, "val", [trial]) == ("v", "w")
    assert unseen_ids(elsewhere, "val", [("renamed", _trial(here, train_on_val=True)[1])]) == ()

import itertools
import random

import pytest

from simcvd.data.drawing import Unit, counts_near, first_whole, shuffled, torn_groups, units


def test_cases_without_a_group_are_drawn_one_by_one_as_ever() -> None:
    ids = [f"case{number}" for number in range(20)]
    assert units(ids, {}) == [(case_id,) for case_id in ids]
    for seed in range(5):
        drawn = units(ids, {}, seed)
        assert drawn == [(case_id,) for case_id in shuffled(ids, seed)]
        for count in range(21):
            assert first_whole(drawn, count) == drawn[:count]
            assert counts_near(drawn, count) == [max(count, 1)]


def test_groups_of_one_case_each_change_no_draw() -> None:
    ids = [f"case{number}" for number in range(9)]
    groups = {case_id: f"patient{8 - number}" for number, case_id in enumerate(ids)}
    assert units(ids, groups, 3) == units(ids, {}, 3)


def test_an_order_of_groups_is_the_same_whatever_the_list_s() -> None:
    ids, groups = list("abcdef"), {"a": "p", "d": "p", "b": "q", "f": "q"}
    assert units(ids, groups, 1) == units(ids[::-1], groups, 1)
    orders = {tuple(units(ids, groups, seed)) for seed in range(10)}
    assert len(orders) > 5
    assert all(
        {frozenset(unit) for unit in order} == {frozenset(u) for u in ("ad", "bf", "c", "e")} for order in orders
    )


def test_a_case_that_is_called_as_a_group_is_is_not_in_it() -> None:
    assert units(["p", "a"], {"a": "p"}) == [("p",), ("a",)]


def _tried(drawn: list[Unit]) -> dict[int, list[Unit]]:
    """Return what `first_whole` should for each number that can be, by trying all sets, those of early units first."""
    found: dict[int, list[Unit]] = {}
    for which in itertools.product([True, False], repeat=len(drawn)):
        taken = [unit for unit, there in zip(drawn, which, strict=True) if there]
        found.setdefault(sum(map(len, taken)), taken)
    return found


def test_the_first_whole_groups_that_hold_exactly_so_many_are_found_as_by_trying_all() -> None:
    numbers, sizes = random.Random(0), [1, 2, 2, 3, 5]
    for _ in range(60):
        names = map(str, itertools.count())
        drawn = [tuple(itertools.islice(names, numbers.choice(sizes))) for _ in range(numbers.randint(1, 6))]
        expected = _tried(drawn)
        possible = sorted(expected.keys() - {0})
        for count in range(possible[-1] + 2):
            assert first_whole(drawn, count) == expected.get(count), (drawn, count)
            below, above = [n for n in possible if n < count], [n for n in possible if n > count]
            assert counts_near(drawn, count) == ([count] if count in possible else below[-1:] + above[:1])
    assert first_whole([("a", "b")], 1) is None


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ({"train_labeled": "ab", "test": "cd"}, []),
        (
            {"train_labeled": "ac", "test": "bd"},
            [("p", ("a", "b"), ("train_labeled", "test")), ("q", ("c", "d"), ("train_labeled", "test"))],
        ),
        ({"train_labeled": "a", "train_unlabeled": "b"}, [("p", ("a", "b"), ("train_labeled", "train_unlabeled"))]),
        ({"train_labeled": "a", "train_unlabeled": "x"}, []),
        ({"train_unlabeled": "xa"}, []),
        ({"train_unlabeled": "x", "test": "a"}, [("p", ("a", "x"), ("test", "train_unlabeled"))]),
        ({"val": "a", "test": "b"}, [("p", ("a", "b"), ("val", "test"))]),
        ({"val": "e", "test": "f"}, []),
    ],
)
def test_a_group_in_two_splits_is_found_and_x_that_has_no_label_may_be_beside_labelled_ones(
    splits: dict[str, str], expected: list[tuple[str, tuple[str, str], tuple[str, str]]]
) -> None:
    groups = {"a": "p", "b": "p", "x": "p", "c": "q", "d": "q"}
    found = torn_groups([(name, tuple(ids)) for name, ids in splits.items()], groups, set("abcdef"))
    assert [tuple(torn) for torn in found] == expected

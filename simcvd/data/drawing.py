"""Which cases are drawn: an order from a seed, and whole groups, such as all scans of one patient.

A group's cases are in one split, and all of them that have a label are labelled or none is. So a number of cases is
made of whole groups: of the first ones in the order of the draw that hold exactly so many.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

Unit = tuple[str, ...]
"""Cases that are drawn together."""


class Torn(NamedTuple):
    """A group that is in two splits.

    Attributes:
        group: its name.
        cases: one case in each of them.
        splits: their names.
    """

    group: str
    cases: tuple[str, str]
    splits: tuple[str, str]


def shuffled(ids: Iterable[str], seed: int) -> list[str]:
    """Return ids in an order drawn from `seed`, the same with every library version.

    >>> shuffled(["a", "b", "c", "d"], seed=0) == shuffled(["d", "c", "b", "a"], seed=0)
    True
    """
    return sorted(ids, key=lambda case_id: hashlib.sha256(f"{seed}/{case_id}".encode()).digest())


def units(order: Iterable[str], groups: Mapping[str, str], seed: int | None = None) -> list[Unit]:
    """Return the cases that are drawn together; one that no group names is alone.

    >>> units(["a", "b", "c", "d"], {"a": "p", "c": "p", "d": "q"})
    [('a', 'c'), ('b',), ('d',)]

    Args:
        order: the cases, in the order of their list.
        groups: maps cases to their group's name; it may name other cases, too.
        seed: draws the order; none keeps the list's, by each unit's first case. Where each case is alone, the order is
            that of `shuffled`.
    """
    found: dict[tuple[str, bool], list[str]] = {}
    for case_id in order:
        group = groups.get(case_id)
        found.setdefault((case_id, False) if group is None else (group, True), []).append(case_id)
    if seed is None:
        return [tuple(cases) for cases in found.values()]
    by_least = {min(cases): cases for cases in found.values()}
    return [tuple(shuffled(by_least[least], seed)) for least in shuffled(by_least, seed)]


def first_whole(drawn: Sequence[Unit], count: int) -> list[Unit] | None:
    """Return the first units that hold exactly `count` cases in all; none where no units do.

    A unit is passed over only where those after it could not fill up what is left.

    >>> first_whole([("a",), ("b", "c"), ("d", "e")], 4)
    [('b', 'c'), ('d', 'e')]
    """
    possible = _possible(drawn)
    if not _holds(possible[0], count):
        return None
    taken = []
    for unit, later in zip(drawn, possible[1:], strict=True):
        if _holds(later, count - len(unit)):
            taken.append(unit)
            count -= len(unit)
    return taken


def counts_near(drawn: Sequence[Unit], count: int) -> list[int]:
    """Return the numbers of cases that whole units can hold and that are next to `count`: below, then above; never 0.

    >>> counts_near([("a", "b"), ("c", "d")], 3), counts_near([("a", "b")], 1), counts_near([("a",)], 1)
    ([2, 4], [2], [1])
    """
    possible = _possible(drawn)[0]
    if count > 0 and _holds(possible, count):
        return [count]
    numbers = [number for number in range(1, sum(map(len, drawn)) + 1) if _holds(possible, number)]
    below = [number for number in numbers if number < count]
    above = [number for number in numbers if number > count]
    return below[-1:] + above[:1]


def torn_groups(
    splits: Iterable[tuple[str, Sequence[str]]], groups: Mapping[str, str], with_label: Collection[str]
) -> list[Torn]:
    """Return the groups that are in two splits; training cases without any label may be beside labelled ones.

    Args:
        splits: name and cases of each.
        groups: maps cases to their group's name.
        with_label: cases that have a label.
    """
    homes: dict[str, dict[str, str]] = {}
    for name, ids in splits:
        for case_id in ids:
            if case_id in groups:
                bare = name == "train_unlabeled" and case_id not in with_label
                homes.setdefault(groups[case_id], {}).setdefault("bare" if bare else name, case_id)
    torn = []
    for group, cases in homes.items():
        if "bare" in cases:
            case_id = cases.pop("bare")
            if not cases.keys() & {"train_labeled", "train_unlabeled"}:
                cases["train_unlabeled"] = case_id
        if len(cases) > 1:
            (one, first), (other, second), *_ = cases.items()
            torn.append(Torn(group, (first, second), (one, other)))
    return torn


def _possible(drawn: Sequence[Unit]) -> list[int]:
    """Return for each place, and the end, how many cases the units from there on can hold: bit N is set if N can be."""
    possible = [1]
    for unit in reversed(drawn):
        possible.append(possible[-1] | possible[-1] << len(unit))
    return possible[::-1]


def _holds(possible: int, count: int) -> bool:
    return count >= 0 and bool(possible >> count & 1)

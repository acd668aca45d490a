"""Which cases a trial is trained on and which it is validated on: ids alone, no file is opened.

Test cases are in none of these.
"""

import itertools
from collections.abc import Iterable
from typing import Literal, NamedTuple

from simcvd.config import TrialConfig, trial_id
from simcvd.config.settings import DataConfig
from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.drawing import Unit, counts_near, first_whole, units
from simcvd.errors import UserError

Labeled = int | Literal["all"] | None
"""How many training cases are labelled: a number, all that have a label, or the data set's own number."""

_FOLD_SEED = 0
"""Draws the order in which labelled cases are divided; another one would change what a trial's id stands for."""


class TrainingCases(NamedTuple):
    """Ids of the cases that a trial sees; none is in two of them.

    Attributes:
        labeled: trained on with their labels, in the order of the data set's list; val cases come last.
        unlabeled: trained on without labels.
        val: validated on, the data set's own first.
    """

    labeled: tuple[str, ...]
    unlabeled: tuple[str, ...]
    val: tuple[str, ...]


def training_cases(info: DatasetInfo, data: DataConfig) -> TrainingCases:
    """Return the cases that a trial is trained on and those that it is validated on.

    Of the part that `data.fold` holds out nothing is trained on: not its labels, not its images as unlabelled ones, and
    no other scan of its groups, such as a patient's scan without label.

    Args:
        info: what the data set holds.
        data: the trial's settings.

    Raises:
        UserError: fewer training cases have a label than asked for, no whole groups hold so many, or the labelled
            cases can't be divided into so many parts.
    """
    labeled = labeled_ids(info, data.labeled, data.label_split)
    held_out: set[str] = set()
    if data.fold is not None:
        number, parts = data.fold
        held_out = fold_parts(info, data, parts)[number]
    groups = {info.groups[case_id] for case_id in held_out if case_id in info.groups}
    seen = [each for each in info.train_order if each not in held_out and info.groups.get(each) not in groups]
    own_val = info.splits.val
    return TrainingCases(
        labeled=(*(case_id for case_id in seen if case_id in labeled), *(own_val if data.train_on_val else ())),
        unlabeled=tuple(case_id for case_id in seen if case_id not in labeled),
        val=() if data.train_on_val else (*own_val, *(each for each in info.train_order if each in held_out)),
    )


def split_ids(info: DatasetInfo, split: str) -> tuple[str, ...]:
    """Return the data set's own `val` or `test` cases.

    Raises:
        UserError: another split.
    """
    if split not in ("val", "test"):
        raise UserError(f"There is no split '{split}' to evaluate; expected val or test.")
    return info.splits.val if split == "val" else info.splits.test


def unseen_ids(info: DatasetInfo, split: str, trials: Iterable[tuple[str, TrialConfig]]) -> tuple[str, ...]:
    """Return the cases to score trained networks on: of `val` those that each of their trials is validated on.

    So a trial's scores are of the cases that its own are of, also where it held some out, and no network is scored on
    val cases that it was trained on. Another data set's val cases are unseen to it, whatever its settings are.

    Args:
        info: the data set.
        split: `val` or `test`.
        trials: name of the trial's folder, and settings, of each network. A name that is the trial's id on another data
            set tells that this is not the one it was trained on; under any other name it is taken for that.

    Raises:
        UserError: another split, or the data set's labelled cases can't be divided as the trial's.
    """
    ids = split_ids(info, split)
    if split == "val":
        own = [
            training_cases(info, config.data).val for name, config in trials if not _is_elsewhere(name, config, info)
        ]
        several = dict.fromkeys(case_id for each in (ids, *own) for case_id in each)
        ids = tuple(case_id for case_id in several if all(case_id in each for each in own)) if own else ids
    return ids


def fold_parts(info: DatasetInfo, data: DataConfig, parts: int) -> list[set[str]]:
    """Divide the labelled cases into the parts that `data.fold` numbers, the first is 0.

    Each labelled case is in one of them, and groups are whole. The order is drawn from a fixed seed, so that the parts
    hang on nothing but which cases are labelled, and their groups. They differ by one case at most where no case has a
    group; groups are shared out so that no two parts could be more alike in size.

    Args:
        info: what the data set holds.
        data: `labeled` and `label_split` say which cases are labelled; the rest is not looked at.
        parts: how many, at least 2.

    Raises:
        UserError: there are fewer labelled cases or groups of them than parts, fewer than 2 parts are asked for, or
            the cases can't be labelled as asked.
    """
    labeled = labeled_ids(info, data.labeled, data.label_split)
    drawn = units(sorted(labeled), info.groups, _FOLD_SEED)
    if not 2 <= parts <= len(drawn):
        whole = f" in {len(drawn)} groups, which stay whole" if len(drawn) < len(labeled) else ""
        most = "2" if len(drawn) == 2 else f"2 to {len(drawn)}"
        advice = f"take {most} parts" if len(drawn) > 1 else "label more (data.labeled), or take no parts"
        raise UserError(
            f"The labelled cases of '{info.name}' can't be divided into {parts} parts: there are {len(labeled)} of "
            f"them{whole}; {advice}."
        )
    divided: list[list[Unit]] = [[] for _ in range(parts)]
    for unit in sorted(drawn, key=len, reverse=True):
        min(divided, key=_cases).append(unit)
    while any(_made_more_alike(one, other) for one, other in itertools.combinations(divided, 2)):
        pass
    return [{case_id for unit in part for case_id in unit} for part in divided]


def labeled_ids(info: DatasetInfo, labeled: Labeled, label_split: int | None) -> set[str]:
    """Return the training cases that are labelled. Groups are labelled whole, or not at all.

    Args:
        info: what the data set holds.
        labeled: how many are labelled; `all` takes every one that has a label, so the others are those without; none
            takes the data set's own number.
        label_split: seed that draws the labelled cases; none takes the first of the training list. With one seed, a
            smaller draw is part of a larger one, unless groups that are labelled whole do not add up to it.

    Raises:
        UserError: fewer training cases have a label than asked for, or no whole groups hold so many.
    """
    if labeled is None and label_split is None:
        return set(info.splits.train_labeled)
    with_label = set(info.with_label)
    candidates = [case_id for case_id in info.train_order if case_id in with_label]
    if labeled == "all":
        return set(candidates)
    count = len(info.splits.train_labeled) if labeled is None else labeled
    if count > len(candidates):
        raise UserError(
            f"data.labeled is {count}, but only {len(candidates)} training cases of '{info.name}' have a label; "
            f"ask for {len(candidates)} or fewer, or for all."
        )
    drawn = units(candidates, info.groups, label_split)
    chosen = first_whole(drawn, count)
    if chosen is None:
        near = " or ".join(map(str, counts_near(drawn, count)))
        raise UserError(
            f"data.labeled is {count}, but the groups of '{info.name}' are labelled whole and none of them together "
            f"hold {count} training cases with a label; ask for {near}."
        )
    return {case_id for unit in chosen for case_id in unit}


def _is_elsewhere(name: str, config: TrialConfig, info: DatasetInfo) -> bool:
    """Tell whether a trial's name says that it was trained on another data set."""
    here = trial_id(config, info.digest)
    return name != here and name.startswith(here.rpartition("-")[0] + "-")


def _made_more_alike(one: list[Unit], other: list[Unit]) -> bool:
    """Share the units of two parts out anew where that brings their sizes closer; tell whether it did."""
    apart, both = abs(_cases(one) - _cases(other)), [*one, *other]
    if apart < 2:
        return False
    total = _cases(both)
    count = min(counts_near(both, total // 2), key=lambda number: abs(2 * number - total))
    taken = first_whole(both, count)
    if taken is None or abs(2 * count - total) >= apart:
        return False
    one[:], other[:] = taken, [unit for unit in both if unit not in taken]
    return True


def _cases(part: list[Unit]) -> int:
    return sum(map(len, part))

"""Which case is labelled, unlabelled, for validation or for the test: by count, by file or by seed."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcvd.data.drawing import Unit, counts_near, first_whole, torn_groups, units
from simcvd.data.store import Splits
from simcvd.errors import UserError
from simcvd.scans.formats import scan_ending
from simcvd.yaml_text import parse_yaml

_NAMES = tuple(Splits.model_fields)


@dataclass(frozen=True)
class SplitLists:
    """Case ids as a file gives them.

    Attributes:
        splits: what the file decides; with `train`, the two training lists are empty.
        train: training cases of a plain list, labelled by count.
        decides: names of the splits that the file decides.
    """

    splits: Splits
    train: tuple[str, ...] | None
    decides: frozenset[str]

    def without(self, names: Collection[str]) -> "SplitLists | None":
        """Leave some splits to counts, their cases are training cases first; none where no list would be left."""
        freed = [name for name in ("val", "test") if name in names and name in self.decides]
        left = self.decides - set(freed)
        if self.train is None or not freed:
            return self
        ids = [case_id for name in freed for case_id in getattr(self.splits, name)]
        splits = self.splits.model_copy(update=dict.fromkeys(freed, ()))
        return SplitLists(splits, (*self.train, *ids), left) if left else None


@dataclass(frozen=True)
class SplitCounts:
    """How many cases of each kind; none leaves the choice to the kind of source.

    Attributes:
        labeled: labelled training cases; none labels all.
        unlabeled: unlabelled training cases; none takes all that are left.
        val: validation cases.
        test: test cases.
        seed: draws the order of the labelled cases; none keeps the list's.
    """

    labeled: int | None = None
    unlabeled: int | None = None
    val: int | None = None
    test: int | None = None
    seed: int | None = None


def shares(labelled: int) -> SplitCounts:
    """Return the split of a person who asks for none: 10 % of the cases with a label for validation, 20 % the test."""
    return SplitCounts(val=round(0.1 * labelled), test=round(0.2 * labelled))


def split_by_count(
    order: Sequence[str],
    with_label: Collection[str],
    counts: SplitCounts,
    groups: Mapping[str, str] | None = None,
) -> tuple[Splits, list[str]]:
    """Take test and validation cases from the end of the labelled ones, the test last; the front is for training.

    Groups stay whole, so that a count may be met by the nearest number that whole groups hold.

    >>> split_by_count("abcdef", "abcdf", SplitCounts(labeled=1, val=1, test=2))[0].all()
    ['a', 'b', 'e', 'c', 'd', 'f']

    Args:
        order: all case ids in the order of their list.
        with_label: those with a label; the others can only be unlabelled training cases.
        counts: how many of each.
        groups: the group's name of each case that is not alone. Of a group in val or test, cases without a label are
            in no split.

    Returns:
        The splits and the training cases in order, those with a label first.

    Raises:
        UserError: too few cases with a label, or a count that makes no sense.
    """
    labeled, unlabeled, val, test = counts.labeled, counts.unlabeled or 0, counts.val or 0, counts.test or 0
    groups = groups or {}
    if min(val, test, unlabeled) < 0 or (labeled is not None and labeled < 1):
        raise UserError(
            f"The split asks for {labeled} labelled, {val} val and {test} test cases; expected at least 1, 0, 0."
        )
    drawn = units([case_id for case_id in order if case_id in with_label], groups, counts.seed)
    if unlabeled and labeled is None:
        raise UserError("A number of unlabelled cases needs a number of labelled ones beside it; give both.")
    there = len(_ids(drawn))
    if (labeled or 1) + val + test > there:
        raise UserError(
            f"The split asks for {labeled or 'at least 1'} labelled training, {val} val and {test} test cases, "
            f"but only {there} cases have a label; ask for fewer."
        )
    tested, drawn = _from_end(drawn, test)
    validated, drawn = _from_end(drawn, val)
    if not drawn:
        raise UserError(
            f"The split asks for {val} val and {test} test cases, and groups are kept whole, so that no case with a "
            "label is left for training; ask for fewer."
        )
    kept = drawn if labeled is None else _near(drawn, labeled)
    others = _without(drawn, kept)
    away = {groups.get(case_id) for case_id in _ids([*validated, *tested])} - {None}
    bare = [case_id for case_id in order if case_id not in with_label and groups.get(case_id) not in away]
    train, count = [*_ids(kept), *_ids(others), *bare], len(_ids(kept))
    if counts.unlabeled is not None:
        if count + unlabeled > len(train):
            raise UserError(
                f"The split asks for {unlabeled} unlabelled cases, but {len(train) - count} are left; ask for fewer."
            )
        train = train[: count + unlabeled]
    splits = Splits(
        train_labeled=tuple(train[:count]),
        train_unlabeled=tuple(train[count:]),
        val=tuple(_ids(validated)),
        test=tuple(_ids(tested)),
    )
    return splits, train


def _from_end(drawn: Sequence[Unit], count: int) -> tuple[list[Unit], list[Unit]]:
    """Return the last units that hold about `count` cases, and the others."""
    taken = _near(drawn[::-1], count)[::-1]
    return taken, _without(drawn, taken)


def _near(drawn: Sequence[Unit], count: int) -> list[Unit]:
    """Return the first units that hold so many cases, or the nearest number that units hold; of two, the smaller."""
    numbers = counts_near(drawn, count) if count else [0]
    nearest = min(numbers, key=lambda number: abs(number - count), default=0)
    return first_whole(drawn, nearest) or []


def _without(drawn: Iterable[Unit], taken: Iterable[Unit]) -> list[Unit]:
    gone = set(taken)
    return [unit for unit in drawn if unit not in gone]


def _ids(drawn: Iterable[Unit]) -> list[str]:
    return [case_id for unit in drawn for case_id in unit]


def split_by_lists(
    lists: SplitLists,
    known: Collection[str],
    with_label: Collection[str],
    counts: SplitCounts,
    left_out: Collection[str],
    groups: Mapping[str, str] | None = None,
) -> tuple[Splits, list[str]]:
    """Take the splits from a file.

    Args:
        lists: the file's content.
        known: ids of all usable cases.
        with_label: those with a label.
        counts: what the file leaves open; asking for what it decides is refused.
        left_out: ids that were dropped as bad, and are dropped from the lists too.
        groups: the group's name of each case that is not alone.

    Raises:
        UserError: unknown or repeated ids, a case without label where one is needed, a group in two splits, or a count
            beside the file.
    """
    for name in ("labeled", "unlabeled", "val", "test"):
        split = name if name in lists.decides else f"train_{name}"
        if getattr(counts, name) is not None and split in lists.decides:
            raise UserError(f"Both the split file and a count decide {split}; keep one of them.")
    if lists.train is None and counts.seed is not None:
        raise UserError("Both the split file and a seed decide the split; keep one of them.")
    named = [*lists.splits.all(), *(lists.train or ())]
    repeated = [case_id for case_id, times in Counter(named).items() if times > 1]
    if repeated:
        raise UserError(f"The split file names {some(repeated)} more than once; name each case once.")
    unknown = [case_id for case_id in named if case_id not in known and case_id not in left_out]
    if unknown:
        raise UserError(f"The split file names {some(unknown)}, which the source does not have; correct the file.")
    splits = Splits(**{name: tuple(i for i in ids if i not in left_out) for name, ids in lists.splits.items()})
    for name in ("train_labeled", "val", "test"):
        bare = [case_id for case_id in getattr(splits, name) if case_id not in with_label]
        if bare:
            raise UserError(
                f"The split file puts {some(bare)} into {name}, but there is no label; use train_unlabeled."
            )
    if lists.train is None:
        order = [*splits.train_labeled, *splits.train_unlabeled]
    else:
        train = [case_id for case_id in lists.train if case_id not in left_out]
        chosen, order = split_by_count(train, with_label, counts, groups)
        # The list's own order, so that another number of labelled cases later follows it too.
        order = [case_id for case_id in train if case_id in order] if counts.seed is None else order
        splits = chosen.model_copy(update={name: getattr(splits, name) for name in lists.decides})
    if not splits.train_labeled:
        raise UserError("The split file leaves no labelled training case; expected at least one.")
    for group, (one, other), (first, second) in torn_groups(splits.items(), groups or {}, with_label)[:1]:
        raise UserError(
            f"The split file puts case {one} of group {group} into {first} and case {other} into {second}; keep all "
            "cases of a group in one split."
        )
    return splits, order


def read_split_file(path: Path) -> SplitLists:
    """Read a split: YAML or JSON with lists of case ids, or `train.list` with its neighbours `val.list`, `test.list`.

    Args:
        path: a YAML or JSON file with some of `train_labeled, train_unlabeled, val, test`; or a folder with text files
            of one id a line; or its `train.list` (`.list` or `.txt`).

    Raises:
        UserError: missing or foreign file.
    """
    try:
        if path.is_dir() or path.suffix in (".list", ".txt"):
            return _text_lists(path)
        text = path.read_text()
        if path.suffix == ".json":
            content: Any = json.loads(text)
        else:
            content = parse_yaml(text, str(path), "split file", ", ".join(_NAMES)).content
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"The split file {path} can't be read ({reason}); expected YAML, JSON or train.list."
        ) from error
    if not isinstance(content, dict) or not set(content) <= set(_NAMES):
        raise UserError(
            f"The split file {path} holds other things than {', '.join(_NAMES)}; expected lists under these names."
        )
    for name, ids in content.items():
        if not isinstance(ids, list) or not all(isinstance(case_id, str) for case_id in ids):
            raise UserError(
                f"'{name}' in the split file {path} is no list of case ids; quote ids that look like numbers."
            )
    return SplitLists(Splits(**{name: tuple(ids) for name, ids in content.items()}), None, frozenset(_NAMES))


def read_list(path: Path) -> tuple[str, ...]:
    """Read case ids, one a line; `ID/mri_norm2.h5` and `ID.nii.gz` mean ID."""
    return tuple(case_id_of(line.strip()) for line in path.read_text().splitlines() if line.strip())


def case_id_of(name: str) -> str:
    """Return the case id that a file name stands for.

    >>> case_id_of("ABC/mri_norm2.h5"), case_id_of("imagesTr/a.1.nii.gz"), case_id_of("B.NRRD")
    ('ABC', 'a.1', 'B')
    """
    parts = Path(name).parts
    last = parts[-1]
    if last in ("mri_norm2.h5", "lgemri.nrrd") and len(parts) > 1:
        return parts[-2]
    return last[: len(last) - len(scan_ending(Path(last)) or "")]


def _text_lists(path: Path) -> SplitLists:
    suffixes = (".list", ".txt") if path.is_dir() else (path.suffix,)
    folder = path if path.is_dir() else path.parent
    found = {
        name: read_list(folder / f"{name}{suffix}")
        for suffix in suffixes
        for name in ("train", "val", "test")
        if (folder / f"{name}{suffix}").is_file()
    }
    if not path.is_dir():
        found["train"] = read_list(path)
    if "train" not in found:
        raise FileNotFoundError(f"no train.list in {folder}")
    train = found.pop("train")
    return SplitLists(Splits(val=found.get("val", ()), test=found.get("test", ())), train, frozenset(found))


def some(ids: Iterable[str]) -> str:
    """Return up to three ids, and how many more there are."""
    ids = list(ids)
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")

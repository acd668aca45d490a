"""What tells the trainings of a variant apart: the seed and, where a sweep draws several, the labelled cases."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple


class Replicate(NamedTuple):
    """One training of a variant; that of another variant with the same replicate is its pair.

    Attributes:
        seed: of weights, order and draws.
        label_split: seed that drew the labelled cases; None in a sweep without label splits.
    """

    seed: int
    label_split: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Key to sort by."""
        return self.seed, -1 if self.label_split is None else self.label_split

    @property
    def word(self) -> str:
        """What stands after the word seed.

        >>> Replicate(1).word, Replicate(1, 0).word
        ('1', '1, label split 0')
        """
        return str(self.seed) if self.label_split is None else f"{self.seed}, label split {self.label_split}"

    def __str__(self) -> str:
        """Return `seed 1` or `seed 1, label split 0`."""
        return f"seed {self.word}"


def in_order(replicates: Iterable[Replicate]) -> tuple[Replicate, ...]:
    """Return replicates by seed, then by label split."""
    return tuple(sorted(replicates, key=lambda replicate: replicate.order))


def have_splits(replicates: Iterable[Replicate]) -> bool:
    """Tell whether there are label splits among them."""
    return any(replicate.label_split is not None for replicate in replicates)


def several_splits(replicates: Iterable[Replicate]) -> bool:
    """Tell whether there are two label splits or more: then these are what a test counts, not the trainings.

    Trainings on the same labels share their luck, so each is less than a replicate of its own.
    """
    return len({replicate.label_split for replicate in replicates}) > 1


def by_split(replicates: Iterable[Replicate]) -> dict[int | None, list[Replicate]]:
    """Group replicates by label split, in rising order."""
    found: dict[int | None, list[Replicate]] = {}
    for replicate in sorted(replicates, key=lambda replicate: replicate.order[::-1]):
        found.setdefault(replicate.label_split, []).append(replicate)
    return found


def chances(replicates: Sequence[Replicate]) -> int:
    """Return how many a test over replicates counts.

    >>> chances([Replicate(0), Replicate(1), Replicate(2)])
    3
    >>> chances([Replicate(0, 4), Replicate(0, 5), Replicate(1, 4)]), chances([Replicate(0, 4), Replicate(1, 4)])
    (2, 2)
    """
    return len(by_split(replicates)) if several_splits(replicates) else len(replicates)


def seed_share(replicates: Iterable[Replicate]) -> Fraction:
    """Return the share of the seeds' variance that is left when the seeds of each label split are averaged.

    >>> seed_share([Replicate(0, 4), Replicate(1, 4), Replicate(0, 5)])  # the mean of 1/2 and 1
    Fraction(3, 4)
    """
    groups = by_split(replicates).values()
    return sum((Fraction(1, len(own)) for own in groups), Fraction()) / max(1, len(groups))


def counts(replicates: Iterable[Replicate]) -> tuple[int, int]:
    """Return the number of different seeds and of different label splits."""
    found = list(replicates)
    splits = {replicate.label_split for replicate in found if replicate.label_split is not None}
    return len({replicate.seed for replicate in found}), len(splits)


def span(replicates: Sequence[Replicate]) -> str:
    """Say how many there are.

    >>> span([Replicate(0), Replicate(1)]), span([Replicate(0, 4), Replicate(0, 5)])
    ('2 seeds', '1 seed x 2 label splits')
    >>> span([Replicate(0, 4), Replicate(0, 5), Replicate(1, 4)])
    '3 of 2 seeds x 2 label splits'
    """
    seeds, splits = counts(replicates)
    told = _count(seeds, "seed") + (f" x {_count(splits, 'label split')}" if splits else "")
    return told if len(replicates) == seeds * max(1, splits) else f"{len(replicates)} of {told}"


def named(replicates: Iterable[Replicate]) -> str:
    """Name each.

    >>> named([Replicate(0), Replicate(2)])
    'seeds 0, 2'
    >>> named([Replicate(0, 4), Replicate(2, 4)])
    'seed 0, label split 4; seed 2, label split 4'
    """
    found = list(replicates)
    if have_splits(found):
        return "; ".join(map(str, found))
    return f"seed{'' if len(found) == 1 else 's'} {', '.join(replicate.word for replicate in found)}"


def luck(splits: bool) -> str:
    """Return the words for what trainings of a variant differ in, all of which is averaged per case.

    >>> luck(False), luck(True)
    ('seeds', 'seeds and label splits')
    """
    return "seeds and label splits" if splits else "seeds"


def chance(several: bool) -> str:
    """Return the words for what a test over replicates counts as chance beside the cases.

    Args:
        several: what `several_splits` says.

    >>> chance(False), chance(True)
    ('seeds', 'label splits')
    """
    return "label splits" if several else "seeds"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

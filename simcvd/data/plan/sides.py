"""Classes that are each other's mirror image, such as a left and a right kidney: mirrored crops would confuse them."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcvd.data.average_mask import fitted
from simcvd.data.plan.choice import Choice
from simcvd.metrics.overlap import dice

ALIKE = 0.6
"""Mean Dice of a class and the other's mirror image, laid on each other by their middles, that makes a pair."""
_FEWEST_CASES = 2


class Pair(NamedTuple):
    """Two classes by number, the one that lies lower on the axis first."""

    first: int
    second: int
    axis: int


class Sides:
    """Looks at one label after the other, and tells which classes are mirror images that never change places.

    Only the axes of the XY plane count, since crops are mirrored along these alone.

    Args:
        classes: K, foreground classes.
    """

    def __init__(self, classes: int) -> None:
        numbers = range(1, classes + 1)
        self._alike: dict[Pair, list[float]] = {
            Pair(one, other, axis): [] for one, other in itertools.permutations(numbers, 2) for axis in (0, 1)
        }
        self._both: dict[frozenset[int], int] = {frozenset(pair): 0 for pair in itertools.combinations(numbers, 2)}

    def look(self, boxes: Sequence[tuple[slice, ...] | None], label: NDArray[np.uint8]) -> None:
        """Take a case into account.

        Args:
            boxes: the box around each class, in order; None where the case lacks it.
            label: `[X, Y, Z]`.
        """
        for both in self._both:
            found = [(number, box) for number in sorted(both) if (box := boxes[number - 1]) is not None]
            if len(found) < 2:
                continue
            self._both[both] += 1
            for axis in (0, 1):
                (lower, lower_box), (upper, upper_box) = sorted(found, key=lambda each: _middle(each[1][axis]))
                mirrored = np.flip(label[upper_box] == upper, axis)
                self._alike[Pair(lower, upper, axis)].append(_dice(label[lower_box] == lower, mirrored))

    def pairs(self) -> tuple[Pair, ...]:
        """Return the pairs that were found in every case that has both classes, in two cases or more."""
        return tuple(
            pair
            for pair, alike in self._alike.items()
            if len(alike) >= _FEWEST_CASES
            and len(alike) == self._both[frozenset((pair.first, pair.second))]
            and float(np.mean(alike)) >= ALIKE
        )


def flip_choice(names: tuple[str, str]) -> Choice:
    """Plan not to mirror crops, for two classes that are each other's mirror image."""
    one, other = names
    return Choice(
        "augment.flip",
        False,
        f"The classes {one} and {other} are each other's mirror image and keep their sides in every labelled case; "
        "in a mirrored crop they would change places.",
    )


def _middle(side: slice) -> int:
    return int(side.start) + int(side.stop)


def _dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the Dice of two masks, their volumes laid on each other by the middle."""
    shape = [max(sides) for sides in zip(one.shape, other.shape, strict=True)]
    return dice(fitted(one, shape), fitted(other, shape))

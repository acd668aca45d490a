"""What can be had without looking at an image: one mask for all cases, the average of the labelled ones."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simcvd.data.store import open_labeled
from simcvd.labels import IGNORED
from simcvd.metrics.overlap import dice_of_counts

MOST_LABELED: Final = 64
"""Labelled cases that are averaged; more of them change the mask little."""

_THRESHOLDS = np.linspace(0.1, 0.9, 9)
"""Shares of the labelled cases that must have a voxel; the one with the highest Dice on them is taken."""

_MOST_BYTES: Final = 128 * 2**20
"""Of the classes that are counted side by side; labels are read anew for others."""

_Slices = tuple[slice, ...]


def average_mask_dice(folder: Path, labeled: Sequence[str], cases: Iterable[str], classes: int) -> dict[str, float]:
    """Return the Dice that the average mask of the labelled cases reaches in each case, the mean over the classes.

    Labels are laid over each other by the middle of their volumes. A network that is no better has learned nothing
    from the images. A class that is in neither mask of a case is left out there.

    One label is in memory at a time, and for each class the number of labels that have a voxel, one byte a voxel.

    Args:
        folder: the data set folder.
        labeled: the cases that are averaged: the first `MOST_LABELED` of them.
        cases: the cases to score, with labels.
        classes: K, the foreground classes.

    Raises:
        UserError: a case has no label.
    """
    own, cases = labeled[:MOST_LABELED], list(cases)
    if not own or not cases:
        return {}
    shapes = [_label(folder, case_id).shape for case_id in own]
    shape = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    together = max(1, _MOST_BYTES // int(np.prod(shape)))
    found: dict[str, list[float]] = {case_id: [] for case_id in cases}
    for first in range(1, classes + 1, together):
        _score(folder, own, found, shape, range(first, min(first + together, classes + 1)))
    return {case_id: float(np.mean(scores)) for case_id, scores in found.items() if scores}


def _score(
    folder: Path, labeled: Sequence[str], found: dict[str, list[float]], shape: Sequence[int], classes: range
) -> None:
    """Add the Dice of some classes to those of each case."""
    there = np.zeros((len(classes), *shape), np.uint8)  # labels that have the voxel, of at most `MOST_LABELED`
    for case_id in labeled:
        label = _label(folder, case_id)
        of_label, of_all = _meeting(label.shape, shape)
        for own, class_id in zip(there, classes, strict=True):
            own[of_all] += label[of_label] == class_id
    shares = (np.arange(len(labeled) + 1) / len(labeled)).astype(np.float32)
    needed = [int(np.argmax(shares >= part)) for part in _THRESHOLDS]
    on_labeled = [_dice_of_each(there, _label(folder, case_id), classes, needed) for case_id in labeled]
    chosen = [needed[int(np.argmax(_mean_there([case[k] for case in on_labeled])))] for k in range(len(classes))]
    for case_id, scores in found.items():
        label = _label(folder, case_id)
        by_class = [_dice_of_each(there[[k]], label, [class_id], [chosen[k]]) for k, class_id in enumerate(classes)]
        scores += [score for ((score,),) in by_class if score == score]


def _dice_of_each(
    there: NDArray[np.uint8], label: NDArray[np.uint8], classes: Sequence[int], needed: Sequence[int]
) -> list[list[float]]:
    """Return the Dice in a case, by class, of the voxels that so many labels have, by number.

    How many voxels of the case as many labels have is counted once; a mask holds those of its number and above.
    """
    of_label, of_all = _meeting(label.shape, there.shape[1:])
    met = label[of_label]
    found = []
    for own, class_id in zip(there, classes, strict=True):
        counts = own[of_all]
        predicted = _at_least(counts[(counts > 0) & (met != IGNORED)])
        common = _at_least(counts[met == class_id])
        present = int(np.count_nonzero(label == class_id))
        found.append([dice_of_counts(int(common[n]), int(predicted[n]), present) for n in needed])
    return found


def _at_least(counts: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return for each n from 0 on how many of the counts are n or more."""
    return np.bincount(counts, minlength=MOST_LABELED + 1)[::-1].cumsum()[::-1]


def _mean_there(scores: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean over cases `[N, T]` of those that are there, 0 where none is."""
    by_threshold = [[score for score in own if score == score] for own in zip(*scores, strict=True)]
    return [float(np.mean(own or [0.0])) for own in by_threshold]


def _label(folder: Path, case_id: str) -> NDArray[np.uint8]:
    label = open_labeled(folder, case_id).label
    assert label is not None  # `open_labeled` refuses a case without
    return np.asarray(label)


def fitted(mask: NDArray[np.bool_], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return a mask cut or filled up around its middle to another shape."""
    fitted = np.zeros(shape, bool)
    of_mask, of_fitted = _meeting(mask.shape, shape)
    fitted[of_fitted] = mask[of_mask]
    return fitted


def _meeting(one: Sequence[int], other: Sequence[int]) -> tuple[_Slices, _Slices]:
    """Return the part of either volume that the other one covers where their middles are laid on each other."""
    sides = list(zip(one, other, strict=True))
    of_one = tuple(slice(max(0, (a - b) // 2), max(0, (a - b) // 2) + min(a, b)) for a, b in sides)
    of_other = tuple(slice(max(0, (b - a) // 2), max(0, (b - a) // 2) + min(a, b)) for a, b in sides)
    return of_one, of_other

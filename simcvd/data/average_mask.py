"""What can be had without looking at an image: one mask for all cases, the average of the labelled ones."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simcvd.data.store import open_labeled
from simcvd.labels import IGNORED
from simcvd.metrics.overlap import dice

_THRESHOLDS = np.linspace(0.1, 0.9, 9)
"""Shares of the labelled cases that must have a voxel; the one with the highest Dice on them is taken."""


def average_mask_dice(folder: Path, labeled: Sequence[str], cases: Iterable[str], classes: int) -> dict[str, float]:
    """Return the Dice that the average mask of the labelled cases reaches in each case, the mean over the classes.

    Labels are laid over each other by the middle of their volumes. A network that is no better has learned nothing
    from the images. A class that is in neither mask of a case is left out there.

    Args:
        folder: the data set folder.
        labeled: the cases that are averaged.
        cases: the cases to score, with labels.
        classes: K, the foreground classes.

    Raises:
        UserError: a case has no label.
    """
    own = [_label(folder, case_id) for case_id in labeled]
    shape = tuple(max(label.shape[axis] for label in own) for axis in range(3))
    masks = []
    for class_id in range(1, classes + 1):
        share = np.mean([fitted(label == class_id, shape) for label in own], axis=0, dtype=np.float32)
        masks.append(max((share >= part for part in _THRESHOLDS), key=lambda mask: _mean_dice(own, mask, class_id)))
    found = {}
    for case_id in cases:
        label = _label(folder, case_id)
        there = _there([_dice(mask, label, number) for number, mask in enumerate(masks, start=1)])
        if there:
            found[case_id] = float(np.mean(there))
    return found


def _label(folder: Path, case_id: str) -> NDArray[np.uint8]:
    label = open_labeled(folder, case_id).label
    assert label is not None  # `open_labeled` refuses a case without
    return np.asarray(label)


def fitted(mask: NDArray[np.bool_], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return a mask cut or filled up around its middle to another shape."""
    fitted = np.zeros(shape, bool)
    sides = list(zip(mask.shape, shape, strict=True))
    into = tuple(slice(max(0, (new - old) // 2), max(0, (new - old) // 2) + min(old, new)) for old, new in sides)
    part = tuple(slice(max(0, (old - new) // 2), max(0, (old - new) // 2) + min(old, new)) for old, new in sides)
    fitted[into] = mask[part]
    return fitted


def _mean_dice(labels: Sequence[NDArray[np.uint8]], mask: NDArray[np.bool_], class_id: int) -> float:
    return float(np.mean(_there([_dice(mask, label, class_id) for label in labels]) or [0.0]))


def _dice(mask: NDArray[np.bool_], label: NDArray[np.uint8], class_id: int) -> float:
    return dice(fitted(mask, label.shape) & (label != IGNORED), label == class_id)


def _there(scores: Sequence[float]) -> list[float]:
    return [score for score in scores if score == score]

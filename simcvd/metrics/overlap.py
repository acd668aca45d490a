"""How much two masks have in common (sec. IV)."""

import numpy as np
from numpy.typing import NDArray


def dice(prediction: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Compute 2 |P and R| / (|P| + |R|), in [0, 1]; NaN, that is missing, if both masks are empty.

    >>> dice(np.array([True, True, False]), np.array([False, True, False]))  # 2 * 1 / (2 + 1)
    0.6666666666666666
    """
    return dice_of_counts(*counts(prediction, reference))


def jaccard(prediction: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Compute |P and R| / |P or R|, in [0, 1]; NaN, that is missing, if both masks are empty.

    >>> jaccard(np.array([True, True, False]), np.array([False, True, False]))  # 1 / 2
    0.5
    """
    return jaccard_of_counts(*counts(prediction, reference))


def counts(prediction: NDArray[np.bool_], reference: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Count voxels: |P and R|, |P|, |R|."""
    common = int(np.count_nonzero(prediction & reference))
    return common, int(np.count_nonzero(prediction)), int(np.count_nonzero(reference))


def dice_of_counts(common: int, predicted: int, present: int) -> float:
    """Compute Dice from |P and R|, |P| and |R|."""
    return 2 * common / (predicted + present) if predicted + present else float("nan")


def jaccard_of_counts(common: int, predicted: int, present: int) -> float:
    """Compute the Jaccard index from |P and R|, |P| and |R|."""
    return common / (predicted + present - common) if predicted + present else float("nan")

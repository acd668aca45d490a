"""Where the uncertainty of label splits comes from: the drawn labels, or the seeds within them."""

from typing import TYPE_CHECKING

from analysis.statistics.samples import scores
from analysis.statistics.seed_variance import seed_variance

if TYPE_CHECKING:
    import numpy.typing as npt


def seed_share_of_splits(values: "npt.ArrayLike") -> float | None:
    """Return the share of the variance between label splits that the seeds within them explain.

    A split's mean over S seeds has the variance L + U / S, of the labels and of the seeds. L + U / S is estimated by
    `seed_variance` of the splits' means, U by the same within splits, pooled over them, without variants that the
    former sets apart.

    >>> ours, theirs = [[[0.0], [0.0]], [[2.0], [2.0]]], [[[0.0], [0.0]], [[0.0], [0.0]]]  # seeds change nothing
    >>> seed_share_of_splits([ours, theirs])
    0.0

    Args:
        values: `[V, L, S, N]`, scores of all variants at the same label splits, seeds of each and cases; no NaN.

    Returns:
        A share in [0, 1]; None with fewer than two variants, splits or seeds, or where splits do not vary.

    Raises:
        ValueError: not four axes, or a value is infinite.
    """
    y = scores(values, "VLSN")
    if min(y.shape[:3]) < 2 or y.shape[3] < 1:
        return None
    splits = seed_variance(y.mean(axis=2))
    if not splits.variance:
        return None
    y = y[[place for place in range(len(y)) if place not in splits.apart]]
    within = [seed_variance(y[:, split]).variance or 0.0 for split in range(y.shape[1])]
    return min(1.0, float(sum(within) / len(within) / y.shape[2] / splits.variance))

"""Which values are outliers: a rule from medians, which the outliers themselves can't move."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

OUTLYING = 3.5
"""Modified z-score of an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993)."""
FEWEST_CASES = 5
"""Of fewer cases none can be called the odd one."""


def outliers(rows: Values, floor: float) -> list[int]:
    """Return the rows of `[n, m]` in which some column is an outlier and `floor` or more away from its median."""
    if len(rows) < FEWEST_CASES:
        return []
    away = np.abs(rows - np.median(rows, axis=0))
    return [int(row) for row in np.flatnonzero(((scores(rows) > OUTLYING) & (away >= floor)).any(axis=1))]


def scores(values: Values) -> Values:
    """Return modified z-scores of each column of `[n, m]`, without sign.

    0.6745 |x - median| / MAD; where more than half of the values are equal, so that the median absolute deviation is 0,
    the mean absolute deviation takes its place: 0.7979 |x - median| / mean AD.

    >>> [round(float(score), 1) for score in scores(np.array([[1.0], [2.0], [3.0], [4.0], [10.0]]))[:, 0]]
    [1.3, 0.7, 0.0, 0.7, 4.7]
    """
    away = np.abs(values - np.median(values, axis=0))
    median, mean = np.median(away, axis=0), away.mean(axis=0)
    tiny = 1e-9 * np.maximum(np.abs(values).max(axis=0), 1e-12)  # rounding is no deviation
    scale = np.where(median > tiny, median / 0.6745, np.where(mean > tiny, mean / 0.7979, np.inf))
    return np.asarray(away / scale)

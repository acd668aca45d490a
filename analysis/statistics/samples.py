"""What the statistics take: arrays, checked once and in one way."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_ROUNDING: Final = 8
"""Units in the last place by which rounding alone makes equal differences vary."""


@dataclass(frozen=True)
class Block:
    """Scores without gaps.

    Attributes:
        values: `[S, N]`, all finite.
        left_out: cases left out because a kept seed has no value for them.
    """

    values: "Floats"
    left_out: int


def sample(values: "npt.ArrayLike") -> "Floats":
    """Return values as an array.

    Raises:
        ValueError: they are not one sequence of finite numbers.
    """
    import numpy as np

    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"expected one sequence of values, found shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("a value is not finite; leave cases with missing values out")
    return array


def both_sides(variant: "npt.ArrayLike", reference: "npt.ArrayLike") -> "tuple[Floats, Floats]":
    """Return the values of both sides as arrays.

    Raises:
        ValueError: the lengths differ or a value is not finite.
    """
    import numpy as np

    a, b = np.asarray(variant, dtype=float), np.asarray(reference, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"expected two sequences of one length, found shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a value is not finite; leave cases with missing values out of both sides")
    return a, b


def differences(variant: "npt.ArrayLike", reference: "npt.ArrayLike") -> "Floats":
    """Return variant minus reference; where rounding alone parts them, each is their mean, or 0 where that parts it.

    One scale for all that is said of them: the size of the scores, not that of the differences, tells how far rounding
    reaches, so whoever takes these can't find a spread that the test takes for none.

    >>> 0.8 - 0.82 == 0.7 - 0.72, len(set(differences([0.8, 0.7], [0.82, 0.72]).tolist()))
    (False, 1)

    Raises:
        ValueError: the lengths differ or a value is not finite.
    """
    import numpy as np

    a, b = both_sides(variant, reference)
    d: Floats = a - b
    same = rounding(a, b)
    if not d.size or np.ptp(d) > same:
        return d
    mean = float(d.mean())
    return np.full_like(d, mean if abs(mean) > same else 0.0)


def scores(values: "npt.ArrayLike", axes: str = "SN") -> "Floats":
    """Return scores as an array with an axis for each letter; NaN is missing.

    Raises:
        ValueError: the number of axes is another or a value is infinite.
    """
    import numpy as np

    array = np.asarray(values, dtype=float)
    if array.ndim != len(axes):
        raise ValueError(f"expected scores [{', '.join(axes)}], found shape {array.shape}")
    if np.isinf(array).any():
        raise ValueError("a score is infinite; a missing one is NaN")
    return array


def complete(values: "Floats") -> Block:
    """Leave out seeds without any value, then every case that lacks a value of a seed that is left.

    Args:
        values: `[S, N]`, NaN where missing.
    """
    import numpy as np

    there = ~np.isnan(values)
    seeds = there.any(axis=1)
    cases = there[seeds].all(axis=0) if seeds.any() else np.zeros(values.shape[1], dtype=bool)
    return Block(values[seeds][:, cases], int((~cases).sum()))


def rounding(*values: "Floats") -> float:
    """Return how far rounding alone can part two equal differences of such values."""
    import numpy as np

    largest = max((float(np.abs(each).max()) for each in values if each.size), default=0.0)
    return _ROUNDING * float(np.finfo(float).eps) * largest

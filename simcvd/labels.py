"""What a label's voxels may hold: 0 is background, 1 to K are the classes, and 255 counts nowhere."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcvd.errors import UserError

IGNORED: Final = 255
"""What a stored label holds where nobody says what is there: no supervised loss and no score looks at such voxels."""

MOST_CLASSES: Final = IGNORED - 1

_ROUNDING = 1e-4  # of headers that scale a label in single precision

Array = np.ndarray[Any, Any]


def as_stored(label: Array, classes: int, ignore: int | None = None) -> NDArray[np.uint8]:
    """Return a label as case files hold it, uint8 `[X, Y, Z]`.

    >>> as_stored(np.array([[[0, 1, 2, 3]]], np.int16), classes=2, ignore=3).tolist()
    [[[0, 1, 2, 255]]]

    Args:
        label: class ids in any number type.
        classes: K, the number of foreground classes.
        ignore: the value of voxels that count nowhere, which become `IGNORED`; none: there is no such value.

    Raises:
        UserError: values that are no integers or neither 0 to K nor `ignore`, more than 254 classes, or an `ignore`
            that is a class.
    """
    if classes > MOST_CLASSES:
        raise UserError(f"there are {classes} classes, expected at most {MOST_CLASSES}; merge some of them")
    if ignore is not None and 0 <= ignore <= classes:
        raise UserError(f"ignored voxels hold {ignore}, which is a class, expected a value above {classes}")
    foreign = [value for value in label_values(label) if not 0 <= value <= classes and value != ignore]
    if foreign:
        shown = ", ".join(map(str, foreign[:5]))
        also = "" if ignore is None else f", or {ignore} (ignored)"
        raise UserError(f"the label holds {shown}, expected 0 (background) to {classes} (the last class){also}")
    whole = np.rint(label) if label.dtype.kind == "f" else label
    if ignore is None:
        return whole.astype(np.uint8)
    ignored = whole == ignore
    stored: NDArray[np.uint8] = np.where(ignored, 0, whole).astype(np.uint8)
    stored[ignored] = IGNORED
    return stored


def foreground(label: Array) -> NDArray[np.bool_]:
    """Return where a stored label holds a class; background and ignored voxels hold none."""
    inside: NDArray[np.bool_] = (label > 0) & (label != IGNORED)
    return inside


def label_values(label: Array) -> list[int]:
    """Return the distinct values of a label; real numbers that scaling moved off their integer by a little are that.

    Raises:
        UserError: values that are no integers.
    """
    if label.dtype.kind == "f":
        whole = np.rint(label)
        fractional = label[~np.isclose(label, whole, rtol=0, atol=_ROUNDING) | np.isinf(label)]
        if fractional.size:
            raise UserError(f"the label holds {fractional.flat[0]:.7g}, which is no integer, expected class ids")
        label = whole
    elif label.dtype == np.uint8:
        return [int(value) for value in np.flatnonzero(np.bincount(label.ravel(order="K"), minlength=256))]
    return [int(value) for value in np.unique(label.ravel(order="K"))]

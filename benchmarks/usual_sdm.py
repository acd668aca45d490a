"""The field's signed distance map, as its training scripts compute it for every crop of every step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def usual_sdm(label: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Compute the map of class 1 with scipy, `[X, Y, Z]`."""
    inside = label == 1
    if not inside.any() or inside.all():
        return np.full(label.shape, -1 if inside.any() else 1, np.float32)
    depth, height = ndimage.distance_transform_edt(inside), ndimage.distance_transform_edt(~inside)
    result = height / height.max() - depth / depth.max()
    result[inside & ~ndimage.binary_erosion(inside, border_value=1)] = 0
    return result.astype(np.float32)

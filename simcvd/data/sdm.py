"""Signed distance maps: the target of the SDM head (Eq. 1)."""

import edt
import numpy as np
from numpy.typing import NDArray


def signed_distance_maps(
    label: NDArray[np.integer], classes: int, threads: int = 1, absent: float = 1.0
) -> NDArray[np.float16]:
    """Compute one normalised signed distance map per foreground class.

    With `d(v)` the Euclidean distance in voxels from `v` to the nearest voxel on the other side of the surface,

        sdm(v) = +d(v) / max of d over the outside     outside the object
        sdm(v) = 0                                     inner boundary: object voxels with a background face-neighbour
        sdm(v) = -d(v) / max of d over the inside      elsewhere inside

    as the field's `compute_sdf` has it. The volume's border makes no boundary. An absent class is +1 everywhere and, by
    the same token, a class that fills the volume is -1 everywhere; `compute_sdf` has 0 for the one and no number for
    the other. Gap: computed over the whole case, not per crop. Ignored voxels are outside every object, as background
    is; the loss leaves them out.

    >>> signed_distance_maps(np.array([[[0, 0, 1, 1, 1]]], np.uint8), classes=1).tolist()
    [[[[1.0, 0.5, 0.0, -0.66650390625, -1.0]]]]

    Args:
        label: class ids `[X, Y, Z]`, 0 is background, `IGNORED` what counts nowhere.
        classes: K, the number of foreground classes.
        threads: threads of the distance transform.
        absent: what the map of an absent class is.

    Returns:
        float16 `[K, X, Y, Z]` in [-1, 1]; channel `k` is class `k + 1`.

    Raises:
        ValueError: `label` is not three-dimensional.
    """
    if label.ndim != 3:
        raise ValueError(f"label has shape {label.shape}, expected [X, Y, Z]")
    maps = np.empty((classes, *label.shape), np.float16)
    for index in range(classes):
        maps[index] = _signed_distance_map(label == index + 1, threads, absent)
    return maps


def _signed_distance_map(inside: NDArray[np.bool_], threads: int, absent: float) -> NDArray[np.float32]:
    if not inside.any() or inside.all():
        return np.full(inside.shape, -1 if inside.any() else absent, np.float32)
    # Two labels instead of two transforms: each voxel's distance to the nearest voxel of the other label.
    distance: NDArray[np.float32] = edt.edt(inside.astype(np.uint8) + np.uint8(1), parallel=threads)
    largest_outside = distance.max(where=~inside, initial=0)
    largest_inside = distance.max(where=inside, initial=0)
    scale = np.where(inside, -1 / largest_inside, 1 / largest_outside).astype(np.float32)
    scale[inside & (distance <= 1)] = 0
    signed: NDArray[np.float32] = distance * scale
    return signed

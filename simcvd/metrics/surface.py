"""Distances between the surfaces of two masks (sec. IV): HD95, ASD, ASSD, and how much of them lies close: NSD.

A mask's surface is its voxels with a background face-neighbour; what lies beyond the volume's border is background.
"""

from collections.abc import Sequence
from typing import NamedTuple

import edt
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


class SurfaceDistances(NamedTuple):
    """Distances between two surfaces, in the unit of the spacing; NaN, that is missing, if a mask is empty.

    Attributes:
        hd95: 95th percentile of the distances of both directions, pooled.
        asd: mean distance from the prediction's surface to the reference's, as the field's public code reports it.
        assd: mean of the distances of both directions, pooled.
        nsd: for each tolerance, the share of both surfaces' voxels that lie within it of the other surface, in [0, 1]:
            the normalised surface Dice (Nikolov et al. 2021, J Med Internet Res 23, e26151) of voxels, as in MONAI;
            nothing if a mask is empty.
    """

    hd95: float
    asd: float
    assd: float
    nsd: tuple[float, ...] = ()


CROWDED = 1 / 8
"""Share of surface voxels above which a distance transform of the box is faster than a search tree over the surface."""

_UNIT = (1.0, 1.0, 1.0)
_ROUNDING = 1e-6
"""Share of a tolerance by which rounding may lengthen a distance that is equal to it."""

MISSING = SurfaceDistances(float("nan"), float("nan"), float("nan"))


def surface_distances(
    prediction: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    spacings: Sequence[tuple[float, float, float]] = (_UNIT,),
    threads: int = 1,
    tolerances: Sequence[float] = (),
) -> list[SurfaceDistances]:
    """Measure the distances between the masks' surfaces, once per spacing.

    Work is confined to the box around both masks, and a spacing with three equal sides costs no search of its own.
    Two voxels 3 apart along Y:

    >>> prediction, reference = np.zeros((2, 1, 6, 1), bool)
    >>> prediction[0, 1, 0] = reference[0, 4, 0] = True
    >>> [distances.asd for distances in surface_distances(prediction, reference, [(1, 1, 1), (1, 0.5, 1)])]
    [3.0, 1.5]

    Args:
        prediction: mask `[X, Y, Z]`.
        reference: mask `[X, Y, Z]`.
        spacings: voxel sizes along X, Y and Z; `(1, 1, 1)` measures in voxels.
        threads: threads of the search.
        tolerances: of the surface Dice, in the unit of each spacing.

    Returns:
        The distances for each of `spacings`.

    Raises:
        ValueError: the masks differ in shape or are not three-dimensional.
    """
    if prediction.ndim != 3 or prediction.shape != reference.shape:
        raise ValueError(f"masks have shapes {prediction.shape} and {reference.shape}, expected the same [X, Y, Z]")
    if not prediction.any() or not reference.any():
        return [MISSING] * len(spacings)
    box = _box(prediction | reference)
    surfaces = _surface(prediction[box]), _surface(reference[box])
    known: dict[tuple[float, float, float], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    results = []
    for spacing in spacings:
        # Equal sides only scale the distances in voxels.
        size, grid = (spacing[0], _UNIT) if len(set(spacing)) == 1 else (1.0, spacing)
        if grid not in known:
            known[grid] = _directed(*surfaces, grid, threads), _directed(*surfaces[::-1], grid, threads)
        there, back = known[grid]
        both = np.concatenate([there, back])
        hd95, asd, assd = np.percentile(both, 95), there.mean(), both.mean()
        near = tuple(float((both * size <= limit * (1 + _ROUNDING)).mean()) for limit in tolerances)
        results.append(SurfaceDistances(float(hd95 * size), float(asd * size), float(assd * size), near))
    return results


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    sides = []
    for axis in range(3):
        occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        sides.append(slice(int(occupied[0]), int(occupied[-1]) + 1) if occupied.size else slice(0, 0))
    return sides[0], sides[1], sides[2]


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the mask's voxels that have a background face-neighbour."""
    inner = mask.copy()
    for axis in range(3):
        here, ahead, behind = (np.moveaxis(array, axis, 0) for array in (inner, mask, mask))
        here[:-1] &= ahead[1:]
        here[1:] &= behind[:-1]
        here[0] = here[-1] = False
    return mask & ~inner


def _directed(
    start: NDArray[np.bool_], target: NDArray[np.bool_], spacing: tuple[float, float, float], threads: int
) -> NDArray[np.float64]:
    """Return, in any order, the distance to the nearest voxel of `target` for each voxel of `start`."""
    apart = start & ~target
    if np.count_nonzero(start) + np.count_nonzero(target) > CROWDED * start.size:
        squared = edt.edtsq(~target, anisotropy=spacing, parallel=threads)
        distances: NDArray[np.float64] = np.sqrt(squared[apart], dtype=np.float64)
    else:
        tree = cKDTree(_positions(target, spacing), leafsize=32, balanced_tree=False, compact_nodes=False)
        distances = np.asarray(tree.query(_positions(apart, spacing), workers=threads)[0], np.float64)
    return np.concatenate([distances, np.zeros(np.count_nonzero(start) - len(distances))])


def _positions(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    indices = np.unravel_index(np.flatnonzero(mask), mask.shape)
    positions: NDArray[np.float64] = np.stack(indices, axis=1) * np.array(spacing)
    return positions

"""Which way a label lies on its CT scan where its header can't be trusted: tried against the body.

An organ is soft tissue and mostly fat lies around it. Of the eight ways to mirror the label's axes, the right one has
the most contrast between the label's voxels and the rim around them.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from simcvd.errors import UserError

Array = np.ndarray[Any, Any]
Mirrored = tuple[bool, bool, bool]

SOFT_TISSUE_HU = (0.0, 200.0)
"""From water to an organ in the portal venous phase, vessels in it included."""

LEAST_TISSUE = 0.5
"""Least share of a label's voxels that must be soft tissue."""

LEAST_LEAD = 0.2
"""By how much one way must be better than another to be told from it, in standard deviations."""

_FAT_TO_BONE_HU = (-125.0, 275.0)  # air and bone beyond count as much as fat and vessels
_RIM_VOX = 4


@dataclass(frozen=True)
class Flip:
    """How a label must be mirrored.

    Attributes:
        mirrored: whether along X, Y and Z.
        clear: whether no other way fits nearly as well.
    """

    mirrored: Mirrored
    clear: bool

    def apply(self, label: Array) -> Array:
        """Return the label `[X, Y, Z]` as it lies on the scan."""
        return np.flip(label, tuple(axis for axis in range(3) if self.mirrored[axis]))


def find_flip(scan: Array, label: Array, expected: Mirrored) -> Flip:
    """Find how to mirror a label so that it lies on an organ.

    Args:
        scan: HU, `[X, Y, Z]`.
        label: of the same shape, foreground above 0.
        expected: is taken unless another way is better by `LEAST_LEAD`.

    Raises:
        UserError: the label is empty, or in soft tissue in no way.
    """
    mask = label > 0
    if not mask.any():
        raise UserError("its label is empty, expected foreground")
    fits = _fits(scan, mask)
    contrasts = {mirrored: contrast for mirrored, (contrast, tissue) in fits.items() if tissue >= LEAST_TISSUE}
    if not contrasts:
        most = max(tissue for _, tissue in fits.values())
        raise UserError(
            f"at most {most:.0%} of the label lies in soft tissue ({SOFT_TISSUE_HU[0]:g} to {SOFT_TISSUE_HU[1]:g} HU) "
            f"however its axes are mirrored, expected {LEAST_TISSUE:.0%} at least; the label is that of another scan"
        )
    best = max(contrasts, key=lambda mirrored: contrasts[mirrored])
    if expected in contrasts and contrasts[best] - contrasts[expected] < LEAST_LEAD:
        best = expected
    others = [contrast for mirrored, contrast in contrasts.items() if mirrored != best]
    return Flip(best, all(contrasts[best] - other >= LEAST_LEAD for other in others))


def _fits(scan: Array, mask: Array) -> dict[Mirrored, tuple[float, float]]:
    """Return for each way the contrast to the rim in standard deviations, and the share of soft tissue."""
    from scipy import ndimage

    box = []
    for axis in range(3):
        occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(int(occupied[0]) - _RIM_VOX, 0), int(occupied[-1]) + 1 + _RIM_VOX))
    inner = mask[tuple(box)]
    rim = ndimage.binary_dilation(inner, iterations=_RIM_VOX) & ~inner
    fits: dict[Mirrored, tuple[float, float]] = {}
    for x, y, z in product((False, True), repeat=3):
        # A mirrored scan under the label is the mirrored label on the scan.
        turned = np.flip(scan, tuple(axis for axis, mirrored in enumerate((x, y, z)) if mirrored))[tuple(box)]
        inside = turned[inner]
        tissue = float(((inside >= SOFT_TISSUE_HU[0]) & (inside <= SOFT_TISSUE_HU[1])).mean())
        fits[x, y, z] = _contrast(inside, turned[rim]) if rim.any() else 0.0, tissue
    return fits


def _contrast(inside: Array, beside: Array) -> float:
    one, other = (np.clip(voxels, *_FAT_TO_BONE_HU).astype(np.float64) for voxels in (inside, beside))
    spread = np.sqrt((one.var() + other.var()) / 2)
    return float((one.mean() - other.mean()) / max(spread, 1.0))

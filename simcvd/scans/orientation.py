"""Bring a scan to one orientation by turning and mirroring whole axes, exactly, and its masks back."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simcvd.scans.volume import Array, Volume, spacing_of


@dataclass(frozen=True)
class Turn:
    """How axes were exchanged and mirrored; oblique directions stay oblique.

    Attributes:
        axes: the file's axis that became X, Y and Z.
        mirrored: whether that axis was mirrored.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    mirrored: tuple[bool, bool, bool] = (False, False, False)

    def back(self, array: Array) -> Array:
        """Return an array `[..., X, Y, Z]` in the order of the file's axes."""
        first = array.ndim - 3
        flipped = np.flip(array, tuple(first + axis for axis in range(3) if self.mirrored[axis]))
        back = [int(axis) for axis in np.argsort(self.axes)]
        return np.transpose(flipped, (*range(first), *(first + axis for axis in back)))


def axis_codes(affine: Array) -> str:
    """Return where the axes point to, e.g. `RAS`: X to the right, Y to the front, Z to the head."""
    import nibabel

    orientations: Any = nibabel.orientations
    return "".join(str(code) for code in orientations.aff2axcodes(affine))


def orient(volume: Volume, codes: str) -> tuple[Volume, Turn]:
    """Return the volume with its axes as close to `codes` as whole axes can come, and how it was turned.

    Args:
        volume: any orientation.
        codes: e.g. `RAS` or `LPS`.
    """
    import nibabel

    if not volume.located:
        return volume, Turn()
    known: Any = nibabel.orientations
    wanted = known.axcodes2ornt(tuple(codes))
    moves = known.ornt_transform(known.io_orientation(volume.affine), wanted).astype(int)
    # moves[i] is the new axis of the file's axis i, and its direction.
    order = [int(axis) for axis in np.argsort(moves[:, 0])]
    mirrored = [bool(moves[axis, 1] < 0) for axis in order]
    turn = Turn((order[0], order[1], order[2]), (mirrored[0], mirrored[1], mirrored[2]))
    first = volume.array.ndim - 3
    turned = np.transpose(volume.array, (*range(first), *(first + axis for axis in order)))
    turned = np.flip(turned, tuple(first + axis for axis in range(3) if mirrored[axis]))
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, order]
    for axis in range(3):
        if mirrored[axis]:
            affine[:3, 3] += affine[:3, axis] * (turned.shape[first + axis] - 1)
            affine[:3, axis] *= -1
    return replace(volume, array=turned, affine=affine, spacing_mm=spacing_of(affine)), turn

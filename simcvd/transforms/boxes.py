"""Boxes in crops, drawn first and then applied: what lies inside comes from another crop."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcvd.draws import Draws

_RATIO = 0.3
"""Of a box's sides along X and Y, up to its inverse, as in the public code of UniMatch and CrossMatch."""
_FIRST_CENTRE = 1 / 8
"""Of a box that the crop's border may cut, in parts of the crop's side, as in the public code of AD-MT."""


@dataclass(frozen=True)
class Boxes:
    """One drawn box in each of B crops.

    Attributes:
        start: `[B, 3]`, where it begins along X, Y and Z, in parts of the crop's sides.
        end: `[B, 3]`, where it ends; not beyond `start` where there is no box.
    """

    start: Tensor
    end: Tensor

    def mask(self, shape: tuple[int, ...]) -> Tensor:
        """Return which voxels of crops of `shape` voxels lie inside, boolean `[B, X, Y, Z]`.

        >>> Boxes(torch.zeros(1, 3), torch.tensor([[1.0, 1.0, 0.5]])).mask((1, 1, 4)).int().tolist()
        [[[[1, 1, 0, 0]]]]
        """
        x, y, z = (self._along(axis, size) for axis, size in enumerate(shape))
        return x[:, :, None, None] & y[:, None, :, None] & z[:, None, None, :]

    def _along(self, axis: int, size: int) -> Tensor:
        voxels = torch.arange(size, device=self.start.device)
        start, end = ((ends[:, axis, None] * size).round() for ends in (self.start, self.end))
        return (voxels >= start) & (voxels < end)


def paste(own: Tensor, other: Tensor, inside: Tensor) -> Tensor:
    """Return crops `[B, I, X, Y, Z]` that are `other` inside of a mask `[B, X, Y, Z]` and `own` outside."""
    return torch.where(inside.unsqueeze(1), other, own)


def draw_boxes(draws: Draws, name: str, crops: int, side: float) -> Boxes:
    """Draw boxes of one size anywhere in the crops.

    Args:
        draws: the step's draws.
        name: of this draw.
        crops: B, this worker's share.
        side: of a box in parts of the crop's, the same along each axis.
    """
    corner = draws.uniform(name, (crops, 3)) * (1 - side)
    return Boxes(corner, corner + side)


def draw_cutmix_boxes(
    draws: Draws, name: str, crops: int, *, probability: float, smallest: float, largest: float
) -> Boxes:
    """Draw boxes of random volume and shape anywhere in the crops, in some crops none.

    The sides are `(v / r)^(1/3)`, `(v r)^(1/3)` and `v^(1/3)` in parts of the crop's, at most 1, with volume v and
    ratio r uniform (gap: the public code of CrossMatch has cubes of voxels where r is 1, which flat crops don't hold).

    Args:
        draws: the step's draws.
        name: of this draw.
        crops: B, this worker's share.
        probability: that a crop has a box.
        smallest: volume v in parts of the crop's.
        largest: volume v in parts of the crop's.
    """
    drawn = draws.uniform(name, (crops, 6))
    volume = smallest + (largest - smallest) * drawn[:, 1]
    ratio = _RATIO + (1 / _RATIO - _RATIO) * drawn[:, 2]
    side = torch.stack((volume / ratio, volume * ratio, volume), 1).pow(1 / 3).clamp(max=1)
    start = drawn[:, 3:] * (1 - side)
    return Boxes(start, start + side * (drawn[:, :1] < probability))


def draw_cut_boxes(draws: Draws, name: str, share: Tensor) -> Boxes:
    """Draw boxes whose centre lies anywhere from an eighth of each side on, so that the border may cut them.

    Their sides are `sqrt(1 - s)` of the crop's, as in the public code of AD-MT, and as in CutMix in 2D.

    Args:
        draws: the step's draws.
        name: of this draw.
        share: s, `[B]`, in 2D what a box leaves of the crop.
    """
    centre = _FIRST_CENTRE + (1 - _FIRST_CENTRE) * draws.uniform(name, (len(share), 3))
    half = (1 - share).sqrt().unsqueeze(1) / 2
    return Boxes((centre - half).clamp(min=0), (centre + half).clamp(max=1))

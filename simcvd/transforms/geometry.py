"""Random crop, quarter turns in the XY plane and flips, drawn first and then applied to image, label and SDM alike."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Shape = tuple[int, int, int]
Volume = TypeVar("Volume", NDArray[Any], Tensor)


@dataclass(frozen=True)
class Geometry:
    """One drawn crop.

    Attributes:
        start: first voxel of the crop in the case, negative where the case is smaller than the crop.
        sides: sides of the crop in the case's own axes, X and Y exchanged where `quarter_turns` is odd.
        quarter_turns: rotations by 90 degrees in the XY plane, applied after cropping.
        flips: whether X and Y are mirrored, applied last.
    """

    start: Shape
    sides: Shape
    quarter_turns: int
    flips: tuple[bool, bool]


def draw_geometry(generator: np.random.Generator, shape: Shape, crop: Shape, *, rotate: bool, flip: bool) -> Geometry:
    """Draw turn, position and flips of a crop of `crop` voxels from a case of `shape` voxels.

    The turn is drawn first and the crop cut in the turned shape, so that crops of unequal sides work. Where the case is
    smaller than the crop it is centred.
    """
    turns = int(generator.integers(4)) if rotate else 0
    sides = (crop[1], crop[0], crop[2]) if turns % 2 else crop
    room = [whole - side for whole, side in zip(shape, sides, strict=True)]
    start = [int(generator.integers(free + 1)) if free >= 0 else -((-free) // 2) for free in room]
    flips = (bool(generator.integers(2)), bool(generator.integers(2))) if flip else (False, False)
    return Geometry((start[0], start[1], start[2]), sides, turns, flips)


def cut(volume: Volume, geometry: Geometry) -> Volume:
    """Return the part of `volume` `[..., X, Y, Z]` that the crop covers, not padded; reads no other voxel."""
    x, y, z = (
        slice(max(start, 0), min(start + side, whole))
        for start, side, whole in zip(geometry.start, geometry.sides, volume.shape[-3:], strict=True)
    )
    part: Volume = volume[..., x, y, z]
    return part


def apply_geometry(part: Tensor, geometry: Geometry, *, repeat_edge: bool = False) -> Tensor:
    """Pad what `cut` returned to the crop's sides, then turn and flip it.

    Args:
        part: `[channels, x, y, z]`.
        geometry: what was drawn.
        repeat_edge: pad by repeating the edge (SDM: a 0 would mean boundary) instead of with 0.

    Returns:
        `[channels, X, Y, Z]` of the crop's size.
    """
    padding: list[int] = []
    for start, side, size in reversed(list(zip(geometry.start, geometry.sides, part.shape[-3:], strict=True))):
        before = max(-start, 0)
        padding += [before, side - size - before]
    if any(padding):
        part = functional.pad(part[None], padding, mode="replicate" if repeat_edge else "constant")[0]
    part = torch.rot90(part, geometry.quarter_turns, dims=(-3, -2))
    axes = [axis for axis, flipped in zip((-3, -2), geometry.flips, strict=True) if flipped]
    return torch.flip(part, axes) if axes else part

"""Local pixel shuffling: voxels change places inside small random boxes, drawn first and then applied.

Zhou et al., Medical Image Analysis 67, 2021, doi 10.1016/j.media.2020.101840 (Models Genesis); Table V of the SimCVD
paper. Their boxes lie anywhere and overlap, so some values are lost and others doubled. Here boxes tile the crop, which
is cut along each axis at random places, and every box keeps its values (gap).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcvd.transforms.geometry import Shape


@dataclass(frozen=True)
class Shuffle:
    """One drawn shuffling of a crop.

    Attributes:
        source: int64 `[X, Y, Z]`, flat index of the voxel whose value each voxel takes.
        box: int64 `[X, Y, Z]`, the same number for all voxels of a box and no other.
    """

    source: NDArray[np.int64]
    box: NDArray[np.int64]


def draw_shuffle(generator: np.random.Generator, shape: Shape, *, max_side: float, share: float) -> Shuffle:
    """Draw boxes that tile a crop of `shape` voxels, and a permutation of the voxels of some of them.

    Args:
        generator: of this draw.
        shape: voxels of the crop.
        max_side: longest side of a box in parts of the crop's, at least 2 voxels; sides are uniform from 1 to it, the
            last one along an axis ends with the crop.
        share: probability that a box is shuffled; the others stay as they are.
    """
    sides = [_cut(generator, size, max(2, round(max_side * size))) for size in shape]
    shuffled = generator.random([len(along) for along in sides]) < share
    for axis, along in enumerate(sides):
        shuffled = shuffled.repeat(along, axis)

    # Number the voxels box by box: `box` is the number of a box's first voxel, `place` of each voxel.
    (x, a), (y, b), (z, c) = (_starts_and_sides(along, axis) for axis, along in enumerate(sides))
    inner_x, inner_y, inner_z = (
        index - start for index, start in zip(np.ogrid[: shape[0], : shape[1], : shape[2]], (x, y, z), strict=True)
    )
    box = x * (shape[1] * shape[2]) + a * (y * shape[2] + b * z)
    place = box + (inner_x * b + inner_y) * c + inner_z

    # Sort by box, then at random, where 0 for all leaves the order of the crop; one fast sort of single numbers.
    bits = box.size.bit_length()
    free = 63 - 2 * bits
    key = generator.integers(1 << free, size=shape) * shuffled
    key |= box << free
    key <<= bits
    key |= np.arange(box.size).reshape(shape)
    order = np.sort(key, axis=None) & ((1 << bits) - 1)
    return Shuffle(source=order[place], box=box)


def apply_shuffle(image: NDArray[np.float32], shuffle: Shuffle) -> NDArray[np.float32]:
    """Return the shuffled image `[I, X, Y, Z]`; the channels of a voxel stay together."""
    return image.reshape(len(image), -1)[:, shuffle.source]


def _cut(generator: np.random.Generator, size: int, longest: int) -> NDArray[np.int64]:
    """Draw the sides of the boxes along an axis of `size` voxels."""
    ends = np.cumsum(generator.integers(1, longest + 1, size))
    ends = np.append(ends[ends < size], size)
    return np.diff(ends, prepend=0)


def _starts_and_sides(sides: NDArray[np.int64], axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the box of each voxel along an axis begins and how long it is, shaped to broadcast over a crop."""
    shape = [-1 if other == axis else 1 for other in range(3)]
    starts = np.cumsum(sides) - sides
    return starts.repeat(sides).reshape(shape), sides.repeat(sides).reshape(shape)

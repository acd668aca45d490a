"""In-painting and out-painting: noise inside or outside of random boxes, drawn first and then applied.

Zhou et al., Medical Image Analysis 67, 2021, doi 10.1016/j.media.2020.101840 (Models Genesis); Table V of the SimCVD
paper. Both have the same boxes and differ in the side that is kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcvd.transforms.geometry import Shape
from simcvd.transforms.intensity_range import intensity_range

NEXT_BOX = 0.95
"""Probability of another box, as in the public code; the first one always comes (gap: not so in its in-painting)."""
MARGIN_VOX = 3
"""Voxels between a box and the crop's border, as in the public code; fewer where the crop leaves no room."""


@dataclass(frozen=True)
class Painting:
    """One drawn painting.

    Attributes:
        painted: bool `[X, Y, Z]`, voxels to fill with noise.
        noise: float32 `[I, X, Y, Z]` in [0, 1).
    """

    painted: NDArray[np.bool_]
    noise: NDArray[np.float32]


def draw_painting(
    generator: np.random.Generator,
    shape: Shape,
    channels: int,
    *,
    outside: bool,
    boxes: int,
    min_side: float,
    max_side: float,
) -> Painting:
    """Draw boxes in a crop of `shape` voxels, which may overlap, and the noise inside or outside of them.

    Args:
        generator: of this draw.
        shape: voxels of the crop.
        channels: of the image; each has its own noise (gap: the public code has one channel).
        outside: fill what no box covers instead of the boxes.
        boxes: most boxes; after the first each comes with probability NEXT_BOX.
        min_side: shortest side of a box in parts of the crop's.
        max_side: longest side of a box in parts of the crop's.
    """
    count = 1 + int(np.cumprod(generator.random(boxes - 1) < NEXT_BOX).sum())
    painted = np.full(shape, outside)
    for _ in range(count):
        x, y, z = (_span(generator, size, min_side, max_side) for size in shape)
        painted[x, y, z] = not outside
    return Painting(painted, generator.random((channels, *shape), dtype=np.float32))


def apply_painting(image: NDArray[np.float32], painting: Painting) -> NDArray[np.float32]:
    """Fill the painted voxels of a crop `[I, X, Y, Z]` with noise, uniform over each channel's `intensity_range`."""
    low, high = (end[:, None, None, None] for end in intensity_range(image))
    return np.where(painting.painted, low + (high - low) * painting.noise, image)


def _span(generator: np.random.Generator, size: int, min_side: float, max_side: float) -> slice:
    """Draw where a box lies along an axis of `size` voxels."""
    side = int(generator.integers(max(1, round(min_side * size)), max(1, round(max_side * size)) + 1))
    margin = min(MARGIN_VOX, (size - side) // 2)
    start = int(generator.integers(margin, size - side - margin + 1))
    return slice(start, start + side)

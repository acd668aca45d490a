"""Non-linear intensity transformation: a random monotone Bezier curve, drawn first and then applied.

Zhou et al., Medical Image Analysis 67, 2021, doi 10.1016/j.media.2020.101840 (Models Genesis); Table V of the SimCVD
paper.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcvd.transforms.intensity_range import intensity_range

ENTRIES = 1024
"""Linear pieces that stand for a curve."""


@dataclass(frozen=True)
class Curves:
    """One drawn curve for each of I channels.

    Attributes:
        points: `[I, 2, 2]`, the two inner control points, each old and new intensity in parts of the range.
        inverted: `[I]`, whether the curve falls from 1 to 0 instead of rising from 0 to 1.
    """

    points: NDArray[np.float64]
    inverted: NDArray[np.bool_]


def draw_curves(generator: np.random.Generator, channels: int, *, inverted: float) -> Curves:
    """Draw curves, one a channel (gap: the public code has one channel), inner points uniform in the unit square."""
    return Curves(generator.random((channels, 2, 2)), generator.random(channels) < inverted)


def apply_curves(image: NDArray[np.float32], curves: Curves) -> NDArray[np.float32]:
    """Send the intensities of a crop `[I, X, Y, Z]` through the curves, each channel through its own.

    `b(t) = 3 (1 - t)^2 t p + 3 (1 - t) t^2 q + t^3`, in old and new intensity alike: from (0, 0) to (1, 1), and
    monotone, since the inner points p and q lie in the unit square. The range is the crop's own (`intensity_range`);
    what lies outside stays where it is, mirrored where the curve falls, so that ranks are kept or reversed throughout.
    A channel of one value stays as it is.
    """
    changed = image.copy()
    low, high = intensity_range(image)
    for channel, points, falls, start, end in zip(changed, curves.points, curves.inverted, low, high, strict=True):
        if end > start:
            _follow_curve(channel, _shift(points) * (end - start), start, end)
            if falls:
                np.subtract(start + end, channel, out=channel)
    return changed


def _shift(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return new less old intensity at ENTRIES + 1 equally spaced old ones from 0 to 1; 0 at both ends."""
    t = np.linspace(0, 1, 4 * ENTRIES + 1)[:, None]
    old, new = (3 * (1 - t) ** 2 * t * points[0] + 3 * (1 - t) * t**2 * points[1] + t**3).T
    grid = np.linspace(0, 1, ENTRIES + 1)
    shift: NDArray[np.float32] = (np.interp(grid, old, new) - grid).astype(np.float32)
    return shift


def _follow_curve(channel: NDArray[np.float32], shift: NDArray[np.float32], start: np.float32, end: np.float32) -> None:
    """Add the shift, linear between its entries, to the values from `start` to `end`, in place."""
    slope = np.append(np.diff(shift), np.float32(0))
    place = np.clip((channel - start) * (ENTRIES / (end - start)), 0, ENTRIES)
    entry = place.astype(np.int32)
    place -= entry
    place *= slope[entry]
    channel += place
    channel += shift[entry]

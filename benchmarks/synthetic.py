"""Volumes of the Left Atrium's size and make: smooth, 256 grey levels, one large object."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LA_SHAPE = (190, 140, 88)


def make_mask(seed: int, shape: tuple[int, int, int] = LA_SHAPE) -> NDArray[np.uint8]:
    """Draw one bumpy object that fills about a tenth of the volume."""
    bumps = _smooth(seed, shape)
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij"))
    return (np.sqrt((place**2).sum(0)) < 0.55 + 0.1 * bumps).astype(np.uint8)


def make_prediction(mask: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Return a mask like a network's: the surface moved in and out by a few voxels, with Dice about 0.9."""
    distance = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(1 - mask)
    return (distance + 2.5 * _smooth(seed, mask.shape) > 0).astype(np.uint8)


def make_image(seed: int, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a scan that shows the mask, with mean 0 and variance 1, of 256 grey levels as a scanner gives them."""
    noise = np.random.default_rng(seed).standard_normal(mask.shape)
    image = _smooth(seed, mask.shape) + mask + 0.3 * noise
    levels = np.clip((image - image.min()) / np.ptp(image) * 255, 0, 255).round()
    return ((levels - levels.mean()) / levels.std()).astype(np.float32)


def _smooth(seed: int, shape: tuple[int, ...]) -> NDArray[np.floating[Any]]:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), min(shape) / 12)
    return noise / noise.std()

"""The augmentations of a crop's image that the settings switch on, each with its own draw."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simcvd.config.augment import AugmentConfig, PaintingConfig
from simcvd.transforms.local_shuffle import apply_shuffle, draw_shuffle
from simcvd.transforms.nonlinear_intensity import apply_curves, draw_curves
from simcvd.transforms.painting import Painting, apply_painting, draw_painting

Image = NDArray[np.float32]


def augment_image(image: Image, augment: AugmentConfig, generator: Callable[[str], np.random.Generator]) -> Image:
    """Return the augmented image of a crop `[I, X, Y, Z]`; the one given is not changed.

    In the order of the public code of Models Genesis: shuffling, curve, painting. There a crop is painted inside or
    outside; with both switched on here, it may be both.

    Args:
        image: the crop, turned and flipped.
        augment: which augmentations are on.
        generator: makes the generator for the draw of a name; each augmentation has its own, so that switching one on
            leaves the draws of the others as they are.
    """
    channels, x, y, z = image.shape

    def drawn(name: str, probability: float) -> np.random.Generator | None:
        if probability == 0:
            return None
        own = generator(name)
        return own if own.random() < probability else None

    def painting(own: np.random.Generator, section: PaintingConfig, *, outside: bool) -> Painting:
        sides = {"min_side": section.min_side, "max_side": section.max_side}
        return draw_painting(own, (x, y, z), channels, outside=outside, boxes=section.boxes, **sides)

    shuffle, curve = augment.local_shuffle, augment.nonlinear_intensity
    if own := drawn("local_shuffle", shuffle.probability):
        image = apply_shuffle(image, draw_shuffle(own, (x, y, z), max_side=shuffle.max_side, share=shuffle.share))
    if own := drawn("nonlinear_intensity", curve.probability):
        image = apply_curves(image, draw_curves(own, channels, inverted=curve.inverted))
    if own := drawn("in_painting", augment.in_painting.probability):
        image = apply_painting(image, painting(own, augment.in_painting, outside=False))
    if own := drawn("out_painting", augment.out_painting.probability):
        image = apply_painting(image, painting(own, augment.out_painting, outside=True))
    return image

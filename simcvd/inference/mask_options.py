"""What a person may ask of masks beyond the network's own: mirrored copies, the largest piece alone."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class MaskOptions:
    """How masks are made.

    Attributes:
        probabilities: write each class's probability beside the mask.
        mirror: average over the image's eight mirrored copies; eight times the work.
        keep_largest: keep each class's largest connected piece alone.
    """

    probabilities: bool = False
    mirror: bool = False
    keep_largest: bool = False


class Mirrored(nn.Module):
    """A network that averages probabilities over all mirrored copies of its input.

    Args:
        network: maps `[B, I, X, Y, Z]` to logits `[B, C, X, Y, Z]`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return the logarithm of the mean probabilities, `[B, C, X, Y, Z]`, whose softmax they are."""
        total: Tensor | None = None
        for chosen in product((False, True), repeat=3):
            axes = [axis for axis, mirrored in zip((2, 3, 4), chosen, strict=True) if mirrored]
            probs = self.network(image.flip(axes)).softmax(1, dtype=torch.float32).flip(axes)
            total = probs if total is None else total + probs
        assert total is not None
        return (total / 8).clamp_min(torch.finfo(torch.float32).tiny).log()


def keep_largest(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask with each class's largest piece alone; voxels that share a corner are connected.

    >>> keep_largest(np.array([[[1, 1, 0, 1]]], np.uint8)).tolist()
    [[[1, 1, 0, 0]]]

    Args:
        mask: class ids `[X, Y, Z]`.
    """
    from scipy import ndimage

    kept = np.zeros_like(mask)
    for value in np.unique(mask[mask > 0]):
        pieces, count = ndimage.label(mask == value, structure=np.ones((3, 3, 3)))
        largest = 1 if count == 1 else 1 + int(np.bincount(pieces.reshape(-1))[1:].argmax())
        kept[pieces == largest] = value
    return kept

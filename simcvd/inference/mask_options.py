"""What a person may ask of masks beyond the network's own: mirrored copies, the largest piece alone."""

from dataclasses import dataclass
from itertools import product

import torch
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

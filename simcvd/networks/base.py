"""A network as methods and prediction see it, whatever it is made of."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcvd.draws import Draws


class Features(NamedTuple):
    """What a network computes.

    Attributes:
        logits: class logits `[B, C, X, Y, Z]`, background first.
        sdm: signed distance maps in [-1, 1], `[B, K, X, Y, Z]`; none without that head.
        bottleneck: encoder features before dropout, `[B, E, X/16, Y/16, Z/16]` with `E = 16 width` (Eq. 4); other
            strides divide by other numbers.
    """

    logits: Tensor
    sdm: Tensor | None
    bottleneck: Tensor


class Network(nn.Module, ABC):
    """A network with class logits and, if wanted, signed distance maps.

    Args:
        classes: C, classes with background.
        sdm_channels: K, signed distance maps; 0 without that head.
    """

    def __init__(self, classes: int, sdm_channels: int) -> None:
        super().__init__()
        self.classes, self.sdm_channels = classes, sdm_channels

    @abstractmethod
    def forward(
        self, image: Tensor, draws: Draws | None = None, name: str = "student", parts: tuple[int, ...] | None = None
    ) -> Features:
        """Compute logits, signed distance maps and bottleneck of `image`, `[B, I, X, Y, Z]`.

        Args:
            image: crops whose sides are multiples of what the network divides them by.
            draws: where dropout masks come from; needed in training mode by a network that has dropout.
            name: prefix of the masks' names in `draws`.
            parts: local sizes of the parts that `image` joins (labelled, unlabelled); each has its own masks, so that
                they do not depend on the number of workers.
        """

    def features(self, outputs: Tensor, bottleneck: Tensor) -> Features:
        """Return what the last convolution and the bottleneck say.

        The tanh is float32 whatever the arithmetic: in bfloat16 its gradient is exactly 0 from 3.5 on.

        Args:
            outputs: `[B, C + K, X, Y, Z]`, the class logits first.
            bottleneck: `[B, E, x, y, z]`.
        """
        if not self.sdm_channels:
            return Features(outputs, None, bottleneck)
        logits, sdm = torch.split(outputs, [self.classes, self.sdm_channels], dim=1)
        return Features(logits, torch.tanh(sdm.float()), bottleneck)

    def logits(self, image: Tensor) -> Tensor:
        """Return the class logits `[B, C, X, Y, Z]` only."""
        logits: Tensor = self(image).logits
        return logits


class Segmenter(nn.Module):
    """A network reduced to what prediction needs: image to class logits."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Map `[B, I, X, Y, Z]` to logits `[B, C, X, Y, Z]`."""
        return self.network.logits(image)


def segmenters_of(networks: nn.ModuleDict, *names: str) -> dict[str, Segmenter]:
    """Return the named networks as segmenters."""
    found: dict[str, Segmenter] = {}
    for name in names:
        network = networks[name]
        assert isinstance(network, Network)
        found[name] = Segmenter(network)
    return found

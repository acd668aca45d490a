"""One forward pass over a step's crops, as every method does it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.networks.base import Features


@dataclass(frozen=True)
class Outputs:
    """What a network computed for some crops, in float32 whatever the autocast.

    Attributes:
        logits: `[B, C, X, Y, Z]`.
        probs: their softmax.
        sdm: `[B, K, X, Y, Z]` in [-1, 1]; none without that head.
        bottleneck: `[B, E, X/16, Y/16, Z/16]` (see `Features`), in the arithmetic's own type.
    """

    logits: Tensor
    probs: Tensor
    sdm: Tensor | None
    bottleneck: Tensor

    @classmethod
    def of(cls, features: Features, crops: slice = slice(None)) -> "Outputs":
        """Take the outputs of some of a batch's crops."""
        logits = features.logits[crops].float()
        sdm = None if features.sdm is None else features.sdm[crops].float()
        return cls(logits, logits.softmax(1), sdm, features.bottleneck[crops])


def forward(network: nn.Module, image: Tensor, draws: Draws, name: str) -> Outputs:
    """Run `network` over `image`, `[B, I, X, Y, Z]`; `name` names its dropout masks."""
    with_layout = image.contiguous(memory_format=torch.channels_last_3d)
    return Outputs.of(network(with_layout, draws, name, (len(image),)))


def forward_together(
    network: nn.Module, labeled: Tensor, unlabeled: Tensor | None, draws: Draws, name: str
) -> tuple[Outputs, Outputs | None]:
    """Run `network` once over labelled and unlabelled crops, so that batch norm sees all of them (gap).

    Args:
        network: a V-Net.
        labeled: `[L, I, X, Y, Z]`.
        unlabeled: `[U, I, X, Y, Z]`, or none.
        draws: the step's draws.
        name: names the dropout masks; labelled and unlabelled crops have their own, whatever the number of workers.

    Returns:
        The outputs of the labelled and of the unlabelled crops.
    """
    if unlabeled is None:
        return forward(network, labeled, draws, name), None
    together = torch.cat((labeled, unlabeled)).contiguous(memory_format=torch.channels_last_3d)
    features: Features = network(together, draws, name, (len(labeled), len(unlabeled)))
    return Outputs.of(features, slice(len(labeled))), Outputs.of(features, slice(len(labeled), None))


def noisy(image: Tensor, config: TrialConfig, draws: Draws, name: str) -> Tensor:
    """Return `image + clip(std * randn, -clip, clip)` (Eq. 5); another name is another draw."""
    noise = config.noise
    drawn = draws.normal(f"{name}/noise", tuple(image.shape))
    return image + (noise.std * drawn).clamp(-noise.clip, noise.clip)


def without_autocast(reference: Tensor) -> torch.autocast:
    """Leave the caller's autocast: losses are computed in float32."""
    return torch.autocast(reference.device.type, enabled=False)

"""The discriminator of the left-atrium literature: does a segmentation belong to a labelled crop?"""

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from torch import Tensor, nn

from simcvd.config.types import HALVING, Strides
from simcvd.draws import Draws
from simcvd.networks.build import seeded_weights
from simcvd.networks.convolution import Conv3d

_NEGATIVE_SLOPE = 0.2
_DROPOUT = 0.5


class Discriminator(nn.Module):
    """Four stride-2 4x4x4 convolutions over maps and image together, global average, linear classifier.

    The network of SASSNet's public code (Li, Zhang, He, MICCAI 2020): widths 64, 128, 256, 512, leaky ReLU of slope 0.2
    after each convolution, channel dropout of 0.5 after the first three, no normalisation. It adds the results of two
    first convolutions, of maps and of image; here they are one over both, the same function with one bias less. Its
    average covers all voxels for its own crop; here for any crop that fits the V-Net. Where that does not halve an
    axis, this does not either: the convolution is 3 voxels long along it.

    >>> sum(p.numel() for p in Discriminator(image_channels=1, map_channels=1).parameters())
    11020226

    Args:
        image_channels: I, channels of the image.
        map_channels: channels of what is judged: C class probabilities or K signed distance maps.
        width: channels of the first level; each level doubles them.
        strides: the V-Net's.
    """

    def __init__(self, image_channels: int, map_channels: int, width: int = 64, strides: Strides = HALVING) -> None:
        super().__init__()
        self.inputs = map_channels + image_channels
        widths = [self.inputs, *(width << level for level in range(len(strides)))]
        self.convolutions = nn.ModuleList(
            Conv3d(narrow, wide, kernel_size=(x + 2, y + 2, z + 2), stride=(x, y, z), padding=1)
            for (narrow, wide), (x, y, z) in zip(pairwise(widths), strides, strict=True)
        )
        self.classifier = nn.Linear(widths[-1], 2)

    def forward(
        self, maps: Tensor, image: Tensor, draws: Draws | None = None, parts: tuple[int, ...] | None = None
    ) -> Tensor:
        """Return logits of "unlabelled" and "labelled", float32 `[B, 2]`.

        Args:
            maps: what is judged, `[B, M, X, Y, Z]`.
            image: `[B, I, X, Y, Z]`, sides multiples of 16, or of what the strides multiply to.
            draws: where the dropout masks come from; none drops nothing, whatever the mode.
            parts: local sizes of the parts that the crops join (labelled, unlabelled); each has its own masks, so that
                they do not depend on the number of workers.

        Raises:
            ValueError: parts that do not add up to B.
        """
        x = torch.cat((maps, image), 1).contiguous(memory_format=torch.channels_last_3d)
        sizes = (len(x),) if parts is None else parts
        if sum(sizes) != len(x):
            raise ValueError(f"The parts {sizes} add up to {sum(sizes)}, expected the batch size {len(x)}.")
        for level, convolution in enumerate(self.convolutions):
            x = F.leaky_relu(convolution(x), _NEGATIVE_SLOPE, inplace=True)
            if draws is not None and level < len(self.convolutions) - 1:
                x = x * _dropout_factors(x, draws, f"discriminator/{level}", sizes)
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.classifier(x.float().mean((2, 3, 4)))
            return logits


def build_discriminator(
    seed: int, image_channels: int, map_channels: int, width: int, strides: Strides = HALVING
) -> Discriminator:
    """Return a discriminator, channels last in memory, whose initial weights are drawn apart from the V-Net's.

    So the V-Net starts with the weights that it has in every other method.

    Args:
        seed: the trial's seed.
        image_channels: I, channels of the image.
        map_channels: channels of what is judged.
        width: channels of the first level.
        strides: the V-Net's.
    """
    with seeded_weights(seed, "discriminator"):
        network = Discriminator(image_channels, map_channels, width, strides)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch's stub: 4D only
    return network


def _dropout_factors(x: Tensor, draws: Draws, name: str, sizes: tuple[int, ...]) -> Tensor:
    """Return 0 for dropped channels and `1 / (1 - rate)` for the others, `[B, channels, 1, 1, 1]`."""
    channels = x.shape[1]
    drawn = torch.cat([draws.uniform(f"{name}/{part}", (size, channels)) for part, size in enumerate(sizes)])
    return ((drawn >= _DROPOUT).to(x.dtype) / (1 - _DROPOUT))[:, :, None, None, None]

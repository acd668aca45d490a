"""V-Net, the backbone of the left-atrium literature, with a class head and a distance-map head."""

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from torch import Tensor, nn

from simcvd.config.types import HALVING, Strides
from simcvd.draws import Draws
from simcvd.networks.base import Features, Network
from simcvd.networks.batch_norm import BatchNorm3d
from simcvd.networks.convolution import Conv3d, ConvTranspose3d
from simcvd.networks.levels import CONVOLUTIONS_DOWN, CONVOLUTIONS_UP


class VNet(Network):
    """V-Net (Milletari et al. 2016) with class logits and, if wanted, signed distance maps.

    Levels have 1, 2, 3, 3, 3 convolutions going down and 3, 3, 2, 1 going up, each with batch norm and ReLU, additive
    skips, and PyTorch's default initialisation. Channel dropout follows the bottleneck and the last level.

    >>> sum(p.numel() for p in VNet(image_channels=1, classes=2, sdm_channels=2).parameters())
    9448900

    Args:
        image_channels: I, channels of the image.
        classes: C, classes with background.
        sdm_channels: K, signed distance maps; 0 leaves the head out.
        width: channels of the first level; each level down doubles them.
        dropout_bottleneck: rate of the channel dropout after the bottleneck.
        dropout_last: rate of the channel dropout after the last level.
        strides: of the four ways down and, in reverse, up.
    """

    def __init__(
        self,
        image_channels: int,
        classes: int,
        sdm_channels: int = 0,
        width: int = 16,
        dropout_bottleneck: float = 0.5,
        dropout_last: float = 0.5,
        strides: Strides = HALVING,
    ) -> None:
        super().__init__(classes, sdm_channels)
        widths = [width << level for level in range(len(CONVOLUTIONS_DOWN))]
        self.dropout_bottleneck = dropout_bottleneck
        self.dropout_last = dropout_last
        self.encoder = nn.ModuleList(
            _block(image_channels if level == 0 else widths[level], widths[level], count)
            for level, count in enumerate(CONVOLUTIONS_DOWN)
        )
        self.down = nn.ModuleList(
            _unit(Conv3d(narrow, wide, kernel_size=step, stride=step))
            for (narrow, wide), step in zip(pairwise(widths), strides, strict=True)
        )
        rising = widths[::-1]
        self.up = nn.ModuleList(
            _unit(ConvTranspose3d(wide, narrow, kernel_size=step, stride=step))
            for (wide, narrow), step in zip(pairwise(rising), reversed(strides), strict=True)
        )
        self.decoder = nn.ModuleList(
            _block(channels, channels, count) for channels, count in zip(rising[1:], CONVOLUTIONS_UP, strict=True)
        )
        # Both 1x1x1 heads as one convolution: the largest feature map is read once. The class head comes first.
        self.heads = Conv3d(width, classes + sdm_channels, 1)

    def forward(
        self, image: Tensor, draws: Draws | None = None, name: str = "student", parts: tuple[int, ...] | None = None
    ) -> Features:
        """Compute logits, signed distance maps and bottleneck of `image`, `[B, I, X, Y, Z]`.

        Args:
            image: crops whose sides are multiples of 16, or of what the strides multiply to.
            draws: where dropout masks come from; needed in training mode if a dropout rate is above 0.
            name: prefix of the masks' names in `draws`.
            parts: local sizes of the parts that `image` joins (labelled, unlabelled); each has its own masks, so that
                they do not depend on the number of workers.

        Raises:
            ValueError: no `draws` where dropout needs them, or parts that do not add up to B.
        """
        last, bottleneck = self._last_map(image, draws, name, parts)
        return self.features(self.heads(last), bottleneck)

    def logits(self, image: Tensor) -> Tensor:
        """Return the class logits `[B, C, X, Y, Z]` only, without the cost of the other head."""
        last, _ = self._last_map(image, None, "", None)
        bias = self.heads.bias
        assert bias is not None
        return F.conv3d(last, self.heads.weight[: self.classes], bias[: self.classes])

    def encode(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the bottleneck map of `image` before dropout, and the maps that the decoder adds, finest first.

        Args:
            image: `[B, I, X, Y, Z]`, sides as in `forward`.

        Returns:
            `[B, E, X/16, Y/16, Z/16]`, and `[B, w, X, Y, Z]` to `[B, 8w, X/8, Y/8, Z/8]` with w the width.
        """
        skips: list[Tensor] = []
        x = image
        for block, down in zip(self.encoder, self.down, strict=False):
            x = block(x)
            skips.append(x)
            x = down(x)
        return self.encoder[-1](x), skips

    def decode(
        self,
        bottleneck: Tensor,
        skips: list[Tensor],
        draws: Draws | None = None,
        name: str = "student",
        parts: tuple[int, ...] | None = None,
        blocks: int | None = None,
    ) -> Tensor:
        """Return the decoder's map after its first `blocks` levels, before the last dropout.

        Args:
            bottleneck: from `encode`.
            skips: from `encode`; each is taken out of the list once it is added, so that its memory is free.
            draws: as in `forward`.
            name: as in `forward`.
            parts: as in `forward`.
            blocks: l, from 1 to 4; none: all.

        Returns:
            `[B, w << (4 - l), X >> (4 - l), Y >> (4 - l), Z >> (4 - l)]`; other strides divide by other numbers.

        Raises:
            ValueError: as `forward` does.
        """
        x = self.dropout(bottleneck, self.dropout_bottleneck, draws, f"{name}/bottleneck", parts)
        for up, block in zip(self.up[:blocks], self.decoder[:blocks], strict=True):
            x = block(up(x) + skips.pop())
        return x

    def _last_map(
        self, image: Tensor, draws: Draws | None, name: str, parts: tuple[int, ...] | None
    ) -> tuple[Tensor, Tensor]:
        bottleneck, skips = self.encode(image)
        last = self.decode(bottleneck, skips, draws, name, parts)
        return self.dropout(last, self.dropout_last, draws, f"{name}/last", parts), bottleneck

    def dropout(self, x: Tensor, rate: float, draws: Draws | None, name: str, parts: tuple[int, ...] | None) -> Tensor:
        """Drop channels in training mode, see `drop_channels`; arguments as in `forward`."""
        if not self.training or rate == 0:
            return x
        if draws is None:
            raise ValueError(f"Dropout of {rate} in training mode got no draws; pass the step's draws or call eval().")
        batch, channels = x.shape[:2]
        sizes = (batch,) if parts is None else parts
        if sum(sizes) != batch:
            raise ValueError(f"The parts {sizes} add up to {sum(sizes)}, expected the batch size {batch}.")
        drawn = torch.cat([draws.uniform(f"{name}/{part}", (size, channels)) for part, size in enumerate(sizes)])
        return drop_channels(x, rate, drawn)


def drop_channels(maps: Tensor, rate: float, drawn: Tensor) -> Tensor:
    """Drop whole channels of each crop with probability `rate` and scale the others by `1 / (1 - rate)`.

    Args:
        maps: `[B, C, X, Y, Z]`.
        rate: below 1.
        drawn: from [0, 1), `[B, C]`.
    """
    factors = (drawn >= rate).to(maps.dtype) / (1 - rate)
    return maps * factors[:, :, None, None, None]


class _ReLU(nn.Module):
    """A ReLU that overwrites its input, since batch norm's backward pass needs its own input and not its output.

    Not so in bfloat16 on the CPU, where torch takes twice as long for a map in place.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, of any shape, with 0 for what is negative."""
        return F.relu(x, inplace=x.is_cuda or x.dtype is not torch.bfloat16)


def _unit(convolution: Conv3d | ConvTranspose3d) -> nn.Sequential:
    return nn.Sequential(convolution, BatchNorm3d(convolution.out_channels), _ReLU())


def _block(inputs: int, outputs: int, convolutions: int) -> nn.Sequential:
    return nn.Sequential(
        *(_unit(Conv3d(inputs if i == 0 else outputs, outputs, 3, padding=1)) for i in range(convolutions))
    )

"""Small U-Net: three levels of plain convolutions. An example of a network of one's own."""

import torch
from torch import Tensor, nn

from simcvd import plugin


class SmallUNetSettings(plugin.NetworkSettings):
    """Small U-Net."""

    channels: int = plugin.Field(16, ge=1, description="Channels of the first level; each level doubles them.")


def _block(given: int, made: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(given, made, 3, stride, padding=1), nn.InstanceNorm3d(made, affine=True), nn.ReLU())


@plugin.network("small_unet", summary="three levels of convolutions", settings=SmallUNetSettings, multiple_of=(4, 4, 4))
class SmallUNet(nn.Module):
    """Two ways down and two ways up, each side of a crop divided by 4."""

    def __init__(self, config: plugin.TrialConfig, image_channels: int, outputs: int) -> None:
        super().__init__()
        first = config.section(SmallUNetSettings).channels
        self.top = _block(image_channels, first)
        self.middle = _block(first, 2 * first, stride=2)
        self.bottom = _block(2 * first, 4 * first, stride=2)
        self.up = nn.ModuleList(nn.ConvTranspose3d(2 * made, made, 2, stride=2) for made in (2 * first, first))
        self.joined = nn.ModuleList(_block(2 * made, made) for made in (2 * first, first))
        self.last = nn.Conv3d(first, outputs, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[B, I, X, Y, Z]` to `[B, outputs, X, Y, Z]`, and to the bottleneck `[B, E, X/4, Y/4, Z/4]`."""
        top = self.top(image)
        middle = self.middle(top)
        bottom = found = self.bottom(middle)
        for up, joined, beside in zip(self.up, self.joined, (middle, top), strict=True):
            found = joined(torch.cat((up(found), beside), 1))
        return self.last(found), bottom

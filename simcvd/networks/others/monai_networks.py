"""MONAI's networks, with their own defaults where the settings say nothing, and without dropout."""

import einops  # noqa: F401 - Swin UNETR imports it in its first pass: asked for here, where its lack is told
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.swin_unetr import SwinUNETR
from monai.networks.nets.unet import UNet
from torch import nn

from simcvd.config import TrialConfig
from simcvd.networks.others.adapted import WithBottleneck

_RESIDUAL_UNITS = 2  # of a level, as in MONAI's tutorials
_KERNEL = (3, 3, 3)


def unet(config: TrialConfig, image_channels: int, outputs: int) -> nn.Module:
    """Return the residual U-Net; the bottleneck is the innermost level."""
    strides = config.network.strides
    network = UNet(
        spatial_dims=3,
        in_channels=image_channels,
        out_channels=outputs,
        channels=_widths(config),
        strides=strides,  # type: ignore[arg-type]  # MONAI's hint: one number a level
        num_res_units=_RESIDUAL_UNITS,
    )
    return WithBottleneck(network, "model" + ".1.submodule" * len(strides))


def dynunet(config: TrialConfig, image_channels: int, outputs: int) -> nn.Module:
    """Return the U-Net of nnU-Net's plans, without deep supervision."""
    strides = config.network.strides
    network = DynUNet(
        spatial_dims=3,
        in_channels=image_channels,
        out_channels=outputs,
        kernel_size=[_KERNEL] * (len(strides) + 1),
        strides=[(1, 1, 1), *strides],
        upsample_kernel_size=strides,
        filters=_widths(config),
    )
    return WithBottleneck(network, "bottleneck")


def segresnet(config: TrialConfig, image_channels: int, outputs: int) -> nn.Module:
    """Return the residual encoder-decoder; the bottleneck is its encoder's last level, an eighth of the crop."""
    network = SegResNet(
        spatial_dims=3, init_filters=config.network.width, in_channels=image_channels, out_channels=outputs
    )
    return WithBottleneck(network, f"down_layers.{len(network.down_layers) - 1}")


def swin_unetr(config: TrialConfig, image_channels: int, outputs: int) -> nn.Module:
    """Return the transformer; the bottleneck is what the encoder's last stage gives the decoder."""
    network = SwinUNETR(
        in_channels=image_channels, out_channels=outputs, feature_size=config.swin_unetr.feature_size, spatial_dims=3
    )
    return WithBottleneck(network, "encoder10")


def _widths(config: TrialConfig) -> list[int]:
    return [config.network.width << level for level in range(len(config.network.strides) + 1)]

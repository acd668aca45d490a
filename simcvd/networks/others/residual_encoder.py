"""nnU-Net's residual encoder U-Net, from the package of its authors."""

from typing import Final

from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet
from torch import nn

from simcvd.config import TrialConfig
from simcvd.networks.others.adapted import WithBottleneck

_BLOCKS: Final = (1, 3, 4, 6, 6)
"""Of each level of the encoder, the first five of nnU-Net's ResEnc plans."""
_MOST_CHANNELS: Final = 320


def residual_encoder(config: TrialConfig, image_channels: int, outputs: int) -> nn.Module:
    """Return the network with nnU-Net's choices: instance norm, leaky ReLU, one convolution a level of the decoder."""
    strides = config.network.strides
    network = ResidualEncoderUNet(
        input_channels=image_channels,
        n_stages=len(_BLOCKS),
        features_per_stage=[min(config.network.width << level, _MOST_CHANNELS) for level in range(len(_BLOCKS))],
        conv_op=nn.Conv3d,
        kernel_sizes=3,
        strides=[(1, 1, 1), *strides],
        n_blocks_per_stage=_BLOCKS,
        num_classes=outputs,
        n_conv_per_stage_decoder=1,
        conv_bias=True,
        norm_op=nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
    )
    for level in range(len(strides) - 1):  # heads of deep supervision, which nothing trains
        network.decoder.seg_layers[level] = nn.Identity()
    return WithBottleneck(network, f"encoder.stages.{len(_BLOCKS) - 1}")

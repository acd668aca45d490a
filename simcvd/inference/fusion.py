"""Networks as inference runs them."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def for_inference(network: nn.Module) -> nn.Module:
    """Return a copy in eval mode with every batch norm folded into the convolution before it.

    At inference batch norm is affine, `y = g (x - mean) / std + b`, and so is the convolution, so their product is one
    convolution: a third less memory traffic, results equal to float32 rounding. The network itself is left as it is,
    training mode included.

    Args:
        network: any module; convolution and batch norm are merged where they follow each other in an `nn.Sequential`.
    """
    result = copy.deepcopy(network).eval().requires_grad_(False)
    for sequence in [module for module in result.modules() if isinstance(module, nn.Sequential)]:
        for index, (first, second) in enumerate(pairwise(list(sequence))):
            if isinstance(first, nn.Conv3d | nn.ConvTranspose3d) and isinstance(second, nn.BatchNorm3d):
                sequence[index] = fuse_conv_bn_eval(first, second, transpose=isinstance(first, nn.ConvTranspose3d))
                sequence[index + 1] = nn.Identity()
    return result.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload, no-any-return]

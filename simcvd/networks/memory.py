"""Memory that a V-Net takes in training, counted from its own shapes; no torch needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simcvd.config.types import Strides, Vox3
from simcvd.networks.levels import CONVOLUTIONS_DOWN, CONVOLUTIONS_UP

FLOAT_BYTES = 4
_ON_OUTPUTS = 8
"""Maps of the size of the outputs that losses keep: logits, probabilities, their logarithms and gradients."""
_GRADIENTS = 2
"""Maps of the first level that the backward pass has at a time beside what it needs from the forward pass."""
_WITHOUT = 3
"""Maps of the first level that a pass without gradients has at a time: the skip, an input and an output."""


@dataclass(frozen=True)
class VNetMemory:
    """Bytes of a V-Net's maps for one crop, in float32.

    Attributes:
        kept: what the backward pass needs from the forward pass.
        encoder: the part of `kept` that belongs to the way down.
        backward: what the backward pass needs at its height beside that.
        forward: the height of a pass without gradients.
        weights: of all weights, once.
    """

    kept: int
    encoder: int
    backward: int
    forward: int
    weights: int


def vnet_memory(crop_vox: Vox3, strides: Strides, width: int, image_channels: int, outputs: int) -> VNetMemory:
    """Count what a V-Net keeps of one crop.

    Each convolution's output is kept for its batch norm, and the ReLU's output for the next convolution; so is each sum
    of a skip and what comes up, and what dropout leaves.

    Args:
        crop_vox: voxels of a crop.
        strides: of the four ways down.
        width: channels of the first level.
        image_channels: I, channels of the image.
        outputs: channels of all heads together.
    """
    down = [count + (level > 0) for level, count in enumerate(CONVOLUTIONS_DOWN)]
    up = [1 + count for count in reversed(CONVOLUTIONS_UP)]
    levels = [FLOAT_BYTES * (width << level) * voxels for level, voxels in enumerate(_voxels(crop_vox, strides))]
    encoder = sum(2 * convolutions * size for convolutions, size in zip(down, levels, strict=True))
    decoder = sum((2 * convolutions + 1) * size for convolutions, size in zip(up, levels[:-1], strict=True))
    last = levels[0] + levels[-1] + FLOAT_BYTES * math.prod(crop_vox) * (image_channels + _ON_OUTPUTS * outputs)
    return VNetMemory(
        kept=encoder + decoder + last,
        encoder=encoder,
        backward=_GRADIENTS * levels[0],
        forward=_WITHOUT * levels[0],
        weights=FLOAT_BYTES * _weights(strides, width, image_channels, outputs),
    )


def _voxels(crop_vox: Vox3, strides: Strides) -> list[int]:
    """Return the voxels of each level's maps."""
    sides, found = list(crop_vox), [math.prod(crop_vox)]
    for step in strides:
        sides = [side // stride for side, stride in zip(sides, step, strict=True)]
        found.append(math.prod(sides))
    return found


def _weights(strides: Strides, width: int, image_channels: int, outputs: int) -> int:
    """Return the number of weights of all convolutions, without biases and batch norms."""

    def convolution(inputs: int, given: int, kernel: Sequence[int]) -> int:
        return inputs * given * math.prod(kernel)

    widths = [width << level for level in range(len(CONVOLUTIONS_DOWN))]
    count = convolution(image_channels, width, (3, 3, 3)) + width * outputs
    for level, (own, inner) in enumerate(zip(widths, CONVOLUTIONS_DOWN, strict=True)):
        count += convolution(own, own, (3, 3, 3)) * (inner - (level == 0))
    for own, inner in zip(widths, reversed(CONVOLUTIONS_UP), strict=False):
        count += convolution(own, own, (3, 3, 3)) * inner
    return count + sum(2 * convolution(own, 2 * own, step) for own, step in zip(widths, strides, strict=False))

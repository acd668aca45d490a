"""3D convolutions that stay right in bfloat16 on the CPU, however small the block."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_SMALLEST_SAFE_VOX = 3


class Conv3d(nn.Conv3d):
    """Convolve as `nn.Conv3d`, small blocks in float32.

    The CPU's bfloat16 weight gradients are wrong, up to NaN, when a spatial side is 2. So under bfloat16 autocast on
    the CPU a block with an input or output side of 2 or less is computed in float32 and its result cast to bfloat16.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map `[B, I, X, Y, Z]` to `[B, O, X', Y', Z']`."""
        if not _is_unsafe(input, self.stride):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float()).bfloat16()


class ConvTranspose3d(nn.ConvTranspose3d):
    """Convolve as `nn.ConvTranspose3d`, small blocks in float32 as in `Conv3d`."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map `[B, I, X, Y, Z]` to `[B, O, X', Y', Z']`."""
        if not _is_unsafe(input, (1, 1, 1)):
            return super().forward(input, output_size)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float(), output_size).bfloat16()


def _is_unsafe(block: Tensor, stride: tuple[int, ...]) -> bool:
    if block.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    if torch.get_autocast_dtype("cpu") is not torch.bfloat16:
        return False
    return is_small(block.shape[2:], stride)


def is_small(sides: Sequence[int], stride: Sequence[int]) -> bool:
    """Tell whether `Conv3d` and `ConvTranspose3d` compute a block of these sides in float32 on the CPU."""
    return min(side // step for side, step in zip(sides, stride, strict=True)) < _SMALLEST_SAFE_VOX


def make_safe(network: nn.Module) -> None:
    """Let a network of plain `nn.Conv3d` and `nn.ConvTranspose3d` convolve as those here; its weights stay."""
    for module in network.modules():
        kind = _SAFE.get(type(module))  # not of a subclass, which may convolve in its own way
        if kind is not None:
            module.__class__ = kind


_SAFE: dict[type[nn.Module], type[nn.Module]] = {nn.Conv3d: Conv3d, nn.ConvTranspose3d: ConvTranspose3d}

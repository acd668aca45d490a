"""3D convolutions that stay right in bfloat16 on the CPU, however small the block."""

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
    return min(side // step for side, step in zip(block.shape[2:], stride, strict=True)) < _SMALLEST_SAFE_VOX

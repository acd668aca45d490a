"""The mean over some of the voxels, of all workers together."""

from collections.abc import Callable

import torch
from torch import Tensor


def masked_mean(
    values: Tensor, mask: Tensor, channels: int = 1, gather: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Return the mean of values that are sums over channels, over the voxels of a mask.

    `sum_v m_v x_v / (n sum_v m_v)`

    Args:
        values: x, `[B, X, Y, Z]`.
        mask: m, boolean, the same shape.
        channels: n, how many channels each value is the sum of.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]`, its backward pass summing the workers' gradients, so
            that the mean is over the voxels of all workers: each of them may have another number.

    Returns:
        A scalar; 0 with gradients of 0 where the mask is empty. Values outside of the mask play no part.
    """
    sums = torch.stack([(values * mask).sum(), mask.sum()])
    if gather is not None:
        sums = gather(sums.unsqueeze(0)).sum(0)
    total, used = sums
    mean: Tensor = total / (channels * used.clamp_min(1))
    return mean

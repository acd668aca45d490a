"""Batch norm over the crops of all workers."""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_CHANNELS = (1, -1, 1, 1, 1)
_REDUCED = (0, 2, 3, 4)


class BatchNorm3d(nn.BatchNorm3d):
    """Normalise `[B, C, X, Y, Z]` per channel, in training mode with the statistics of the whole batch.

    With one worker it is `nn.BatchNorm3d`. With several (`torch.distributed` initialised) mean and variance are those
    of all workers' crops, so that a batch spread over devices gives the result of the same batch on one device. All
    workers must then call it equally often. Works with gloo on the CPU as well, where `nn.SyncBatchNorm` does not.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised batch, same shape and type."""
        if not self.training or not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(input)
        self._check_input_dim(input)
        mean, variance, count = _statistics(input.detach())
        if self.track_running_stats:
            self._track(mean, variance, count)
        output: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, mean, variance, count, self.eps
        )
        return output

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_((variance * count / (count - 1)).to(variance.dtype), momentum)


def _statistics(batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean `[C]`, variance `[C]` (biased, float32) and number of values per channel, over all workers.

    Local moments are float32; only the `2 C + 1` sums are joined in float64, where mean square minus squared mean is
    safe.
    """
    variance, mean = torch.var_mean(batch.float(), _REDUCED, correction=0)
    mean, variance = mean.double(), variance.double()
    count = mean.new_full((1,), batch.numel() // batch.shape[1])
    sums = torch.cat((mean * count, (variance + mean.square()) * count, count))
    dist.all_reduce(sums)
    count = sums[-1]
    mean, mean_square = (sums[:-1] / count).chunk(2)
    variance = (mean_square - mean.square()).clamp_min(0)
    return mean.float(), variance.float(), count


class _Normalise(torch.autograd.Function):
    """Normalise with statistics that depend on every worker's batch; the backward pass sums over workers too.

    With x' = (x - mean) / sqrt(variance + eps) and sums over all workers' N values of a channel,
    dx = weight / sqrt(variance + eps) * (dy - sum(dy) / N - x' sum(dy x') / N).
    The gradients of weight and bias stay this worker's own, as every other parameter's.
    """

    @staticmethod
    def forward(
        ctx: Any,
        batch: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(batch, weight, mean, torch.rsqrt(variance + eps), count)
        return F.batch_norm(batch, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        batch, weight, mean, inverse_sd, count = ctx.saved_tensors
        dy = gradient.float()
        normalised = (batch.float() - mean.view(_CHANNELS)) * inverse_sd.view(_CHANNELS)
        own = torch.stack((dy.sum(_REDUCED), (dy * normalised).sum(_REDUCED)))
        d_bias, d_weight = own.clone() if weight is not None else (None, None)
        d_batch = None
        if ctx.needs_input_grad[0]:
            dist.all_reduce(own)
            shift, slope = (own / count.to(own.dtype)).view(2, *_CHANNELS)
            scale = inverse_sd if weight is None else inverse_sd * weight
            d_batch = ((dy - shift - normalised * slope) * scale.view(_CHANNELS)).to(batch.dtype)
        return d_batch, d_weight, d_bias, None, None, None, None

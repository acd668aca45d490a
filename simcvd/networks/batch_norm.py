"""Batch norm over the crops of all workers."""

from typing import Any, Final

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules._functions import SyncBatchNorm as OnDevice

_PART: Final = 2**18
"""Values that are computed on at a time: their float32 copies stay in the cache, and float32 sums of so few are exact
to about 1e-6, where torch's sums over a whole map of the first level are wrong by 1e-3."""


class BatchNorm3d(nn.BatchNorm3d):
    """Normalise `[B, C, X, Y, Z]` per channel, in training mode with the statistics of the whole batch.

    With one worker it is `nn.BatchNorm3d`. With several (`torch.distributed` initialised) mean and variance are those
    of all workers' crops, so that a batch spread over devices gives the result of the same batch on one device. All
    workers must then call it equally often. On a GPU it is the function of `nn.SyncBatchNorm`; on the CPU, which that
    one refuses, ours. Both exchange one message a layer in each direction and make no float32 copy of a bfloat16 map.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised batch, same shape and type."""
        if not self.training or not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(input)
        self._check_input_dim(input)
        return self._by_torch(input) if input.is_cuda else self._ours(input)

    def _by_torch(self, input: Tensor) -> Tensor:
        running = (self.running_mean, self.running_var) if self.track_running_stats else (None, None)
        workers = dist.get_world_size()
        output: Tensor = OnDevice.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, *running, self.eps, self._begin(), dist.group.WORLD, workers
        )
        return output

    def _ours(self, input: Tensor) -> Tensor:
        mean, variance, count = _statistics(input.detach())
        if self.track_running_stats:
            self._track(mean, variance, count, self._begin())
        output: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, mean, variance, count, self.eps
        )
        return output

    def _begin(self) -> float:
        """Count the batch and return the weight of its statistics in the running ones."""
        if not self.track_running_stats:
            return 0.0
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        return 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor, momentum: float) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_((variance * count / (count - 1)).to(variance.dtype), momentum)


def _rows(batch: Tensor) -> Tensor:
    """Return `[B, C, X, Y, Z]` as `[B X Y Z, C]`: a view of what is laid out channels last, as in our networks."""
    return batch.movedim(1, -1).reshape(-1, batch.shape[1])


def _parts(rows: Tensor) -> tuple[Tensor, ...]:
    # A compiler fuses what is computed on a map; hundreds of parts of one, unrolled, would take it minutes.
    return (rows,) if torch.compiler.is_compiling() else torch.split(rows, max(1, _PART // rows.shape[1]))


def _as_map(rows: Tensor) -> Tensor:
    """Return `[N, C]` as `[1, C, N, 1, 1]`, a view, for torch's kernels."""
    return rows.t()[None, :, :, None, None]


def _statistics(batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean `[C]`, variance `[C]` (biased, float32) and number of values per channel, over all workers.

    Moments of parts are float32; only the `2 C + 1` sums are joined in float64, where mean square minus squared mean
    is safe.
    """
    sums = batch.new_zeros(2 * batch.shape[1] + 1, dtype=torch.float64)
    for part in _parts(_rows(batch)):
        unused = part.new_zeros(part.shape[1]).float()  # the moments' type is that of running ones
        moments = torch.batch_norm_update_stats(_as_map(part), unused, unused.clone(), 0.0)
        mean, variance = (moment.double() for moment in moments)
        sums += torch.cat((mean, variance + mean.square(), sums.new_ones(1))) * len(part)
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
        ctx.save_for_backward(batch, weight, mean, variance, count)
        ctx.eps = eps
        return F.batch_norm(batch, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        batch, weight, mean, variance, count = ctx.saved_tensors
        scale = torch.ones_like(mean) if weight is None else weight
        x, dy = _rows(batch), _rows(gradient)
        own = mean.new_zeros((2, len(mean)), dtype=torch.float64)
        for part, its_dy in zip(_parts(x), _parts(dy), strict=True):
            # Of inference, whose gradients of bias and weight are sum(dy) and sum(dy x') with any mean and variance.
            _, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
                *map(_as_map, (its_dy, part)), scale, mean, variance, None, None, False, ctx.eps, [False, True, True]
            )
            own += torch.stack((d_bias, d_weight))
        d_bias, d_weight = own.to(scale.dtype, copy=True) if weight is not None else (None, None)
        d_batch = None
        if ctx.needs_input_grad[0]:
            dist.all_reduce(own)
            inverse_sd = torch.rsqrt(variance + ctx.eps)
            scale = scale * inverse_sd
            shift, slope = (-scale * own / count).to(scale.dtype)
            slope *= inverse_sd
            d_batch = torch.empty_like(x)
            for part, its_dy, its_dx in zip(_parts(x), _parts(dy), _parts(d_batch), strict=True):
                dx = (part.float() - mean).mul_(slope).add_(shift)
                its_dx.copy_(dx.addcmul_(its_dy.float(), scale))
            d_batch = d_batch.view(batch.movedim(1, -1).shape).movedim(-1, 1)
        return d_batch, d_weight, d_bias, None, None, None, None

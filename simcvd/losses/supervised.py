"""Eq. 1: what the labelled crops ask for.

Where a data set leaves voxels open, all three are what they are on the other voxels alone: no value and no gradient
depends on the ignored ones, and crops without any other voxel cost 0.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from simcvd.losses.masked_mean import masked_mean

SMOOTH = 1e-5


def cross_entropy(
    logits: Tensor,
    label: Tensor,
    counted: Tensor | None = None,
    gather: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the voxel-wise cross-entropy, half of L_seg in Eq. 1.

    `-mean_v log softmax(logits_v)[label_v]`

    Args:
        logits: Q before softmax, `[B, C, X, Y, Z]`.
        label: Y, int64 `[B, X, Y, Z]` with values 0 to C-1.
        counted: the voxels that v runs over, boolean `[B, X, Y, Z]`; none: all.
        gather: see `soft_dice`; used with `counted` alone, since workers have equally many voxels otherwise.

    Returns:
        A scalar from 0, in nats; ln(C) for equal logits.
    """
    losses = -logits.log_softmax(1).gather(1, label.unsqueeze(1))
    return losses.mean() if counted is None else masked_mean(losses.squeeze(1), counted, gather=gather)


def soft_dice(
    probs: Tensor,
    label: Tensor,
    gather: Callable[[Tensor], Tensor] | None = None,
    counted: Tensor | None = None,
    background: bool = False,
) -> Tensor:
    """Return one minus the soft Dice overlap with squared terms in the denominator, half of L_seg in Eq. 1.

    `1 - mean_k (2 sum_v p_kv y_kv + s) / (sum_v p_kv^2 + sum_v y_kv^2 + s)`

    k runs over the foreground classes, or the background too, v over the voxels of all crops together, s = 1e-5 (gap:
    the field's convention). An absent class costs nearly 1 until its probabilities have all but vanished.

    Args:
        probs: p, `[B, C, X, Y, Z]`.
        label: Y, int64 `[B, X, Y, Z]` with values 0 to C-1.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]`, its backward pass summing the workers' gradients, so
            that "all crops" are those of all workers.
        counted: the voxels that v runs over, boolean `[B, X, Y, Z]`; none: all.
        background: whether k runs over the background too, as in SSL4MIS.

    Returns:
        A scalar in [0, 1], without unit; 0 for perfect overlap.
    """
    first = 0 if background else 1
    classes = torch.arange(first, probs.shape[1], device=label.device).view(1, -1, 1, 1, 1)
    target = label.unsqueeze(1) == classes
    probs = probs[:, first:]
    if counted is not None:
        target = target & counted.unsqueeze(1)
        probs = probs * counted.unsqueeze(1)
    voxels = (0, 2, 3, 4)
    sums = torch.stack([(probs * target).sum(voxels), probs.square().sum(voxels) + target.sum(voxels)])  # [2, K or C]
    if gather is not None:
        sums = gather(sums.flatten().unsqueeze(0)).sum(0).view_as(sums)
    overlap, size = sums
    dice: Tensor = (2 * overlap + SMOOTH) / (size + SMOOTH)
    return 1 - dice.mean()


def sdm_error(
    sdm: Tensor,
    target: Tensor,
    counted: Tensor | None = None,
    gather: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the mean squared error of the signed distance map, L_mse in Eq. 1.

    `mean_{b,k,v} (Q^sdm - Y^sdm)^2`

    Args:
        sdm: Q^sdm, `[B, K, X, Y, Z]` in [-1, 1].
        target: Y^sdm, the same shape and range.
        counted: the voxels that v runs over, boolean `[B, X, Y, Z]`; none: all.
        gather: see `soft_dice`; used with `counted` alone, since workers have equally many voxels otherwise.

    Returns:
        A scalar in [0, 4], in squared parts of each side's largest distance.

    Raises:
        ValueError: the shapes differ.
    """
    if sdm.shape != target.shape:
        raise ValueError(f"the SDM is {tuple(sdm.shape)}, its target {tuple(target.shape)}; expected the same shape")
    if counted is None:
        return functional.mse_loss(sdm, target)
    return masked_mean((sdm - target).square().sum(1), counted, sdm.shape[1], gather)

"""Eq. 1: what the labelled crops ask for."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

SMOOTH = 1e-5


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Return the voxel-wise cross-entropy, half of L_seg in Eq. 1.

    `-mean_v log softmax(logits_v)[label_v]`

    Args:
        logits: Q before softmax, `[B, C, X, Y, Z]`.
        label: Y, int64 `[B, X, Y, Z]` with values 0 to C-1.

    Returns:
        A scalar from 0, in nats; ln(C) for equal logits.
    """
    return -logits.log_softmax(1).gather(1, label.unsqueeze(1)).mean()


def soft_dice(probs: Tensor, label: Tensor, gather: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Return one minus the soft Dice overlap with squared terms in the denominator, half of L_seg in Eq. 1.

    `1 - mean_k (2 sum_v p_kv y_kv + s) / (sum_v p_kv^2 + sum_v y_kv^2 + s)`

    k runs over the foreground classes, v over the voxels of all crops together, s = 1e-5 (gap: the field's convention).
    An absent class costs nearly 1 until its probabilities have all but vanished.

    Args:
        probs: p, `[B, C, X, Y, Z]`.
        label: Y, int64 `[B, X, Y, Z]` with values 0 to C-1.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]`, its backward pass summing the workers' gradients, so
            that "all crops" are those of all workers.

    Returns:
        A scalar in [0, 1], without unit; 0 for perfect overlap.
    """
    classes = torch.arange(1, probs.shape[1], device=label.device).view(1, -1, 1, 1, 1)
    target = label.unsqueeze(1) == classes
    foreground = probs[:, 1:]
    voxels = (0, 2, 3, 4)
    sums = torch.stack(
        [(foreground * target).sum(voxels), foreground.square().sum(voxels) + target.sum(voxels)]
    )  # [2, K]
    if gather is not None:
        sums = gather(sums.flatten().unsqueeze(0)).sum(0).view_as(sums)
    overlap, size = sums
    dice: Tensor = (2 * overlap + SMOOTH) / (size + SMOOTH)
    return 1 - dice.mean()


def sdm_error(sdm: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of the signed distance map, L_mse in Eq. 1.

    `mean_{b,k,v} (Q^sdm - Y^sdm)^2`

    Args:
        sdm: Q^sdm, `[B, K, X, Y, Z]` in [-1, 1].
        target: Y^sdm, the same shape and range.

    Returns:
        A scalar in [0, 4], in squared parts of each side's largest distance.

    Raises:
        ValueError: the shapes differ.
    """
    if sdm.shape != target.shape:
        raise ValueError(f"the SDM is {tuple(sdm.shape)}, its target {tuple(target.shape)}; expected the same shape")
    return functional.mse_loss(sdm, target)

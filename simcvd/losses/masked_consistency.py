"""Consistency of student and teacher on some of the voxels."""

from collections.abc import Callable

import torch
from torch import Tensor

from simcvd.losses.masked_mean import masked_mean


def masked_consistency(
    student_probs: Tensor, teacher_probs: Tensor, mask: Tensor, gather: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Return the mean squared difference of the two networks' probabilities over the voxels of a mask.

    Yu et al. 2019, sec. 2.2: `sum_v m_v sum_c (p^s_cv - p^t_cv)^2 / (C sum_v m_v)`. Gap: the division by C is that of
    the paper's public code.

    Args:
        student_probs: p^s, `[B, C, X, Y, Z]`.
        teacher_probs: p^t, the same shape.
        mask: m, boolean `[B, X, Y, Z]`.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]`, its backward pass summing the workers' gradients, so
            that the mean is over the voxels of all workers.

    Returns:
        A scalar in [0, 1], without unit; 0 for equal outputs, and 0 with gradients of 0 where the mask is empty.

    Detached:
        The teacher's probabilities.

    Raises:
        ValueError: the shapes differ, or the mask is not boolean.
    """
    if student_probs.shape != teacher_probs.shape:
        shapes = f"{tuple(student_probs.shape)} and {tuple(teacher_probs.shape)}"
        raise ValueError(f"outputs of student and teacher are {shapes}; expected the same shape")
    batch, classes, *voxels = student_probs.shape
    if mask.shape != (batch, *voxels) or mask.dtype != torch.bool:
        found = f"{mask.dtype} {tuple(mask.shape)}"
        raise ValueError(f"the mask is {found}; expected torch.bool {(batch, *voxels)}")
    squares = (student_probs - teacher_probs.detach()).square().sum(1)
    return masked_mean(squares, mask, classes, gather)

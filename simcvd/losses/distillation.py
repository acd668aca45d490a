"""Eq. 4: pairwise distillation of the encoder's features."""

import torch
from torch import Tensor
from torch.nn import functional

from simcvd.losses.contrast import SMALLEST_NORM


def pairwise_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the cross-entropy that asks each bottleneck position to be most similar to the teacher's same position.

    Eq. 4: `-mean_{i,j} log exp(s(v^s_ij, v^t_ij)) / sum_k exp(s(v^s_ij, v^t_ik))`

    s is the cosine, i runs over volumes, j and k over positions of the same volume; there is no temperature. Gap: the
    mean over j, for the paper's sum (misprinted as M'W'D' for H'W'D'), keeps beta independent of the crop's size.

    Args:
        student: v^s, `[B, E, x, y, z]`.
        teacher: v^t, the same shape.

    Returns:
        A float32 scalar, also under autocast, in nats; ln(xyz) where all positions are alike, 0 for a single position.

    Detached:
        The teacher's features.

    Raises:
        ValueError: the shapes differ.
    """
    if student.shape != teacher.shape:
        shapes = f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        raise ValueError(f"features of student and teacher are {shapes}; expected the same shape")
    with torch.autocast(student.device.type, enabled=False):
        similarities = _positions(student) @ _positions(teacher.detach()).mT  # [B, P, P]
        volumes, positions, _ = similarities.shape
        same = torch.arange(positions, device=student.device).repeat(volumes)
        return functional.cross_entropy(similarities.flatten(0, 1), same)


def _positions(features: Tensor) -> Tensor:
    """Return unit rows `[B, P, E]`, one per position."""
    return functional.normalize(features.float().flatten(2).mT, dim=2, eps=SMALLEST_NORM)

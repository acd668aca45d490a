"""Eq. 5: consistency of student and teacher under noise."""

from torch import Tensor
from torch.nn import functional


def consistency(
    student_probs: Tensor, teacher_probs: Tensor, student_sdm: Tensor | None, teacher_sdm: Tensor | None
) -> Tensor:
    """Return the mean squared difference of the two networks' outputs.

    Eq. 5: `mean_{b,c,v} (p^s - p^t)^2 + mean_{b,k,v} (d^s - d^t)^2`; the second part only with an SDM head. Gap: both
    networks see the same crop under independent noise.

    Args:
        student_probs: p^s, `[B, C, X, Y, Z]`.
        teacher_probs: p^t, the same shape.
        student_sdm: d^s, `[B, K, X, Y, Z]`, or none.
        teacher_sdm: d^t, the same shape, or none.

    Returns:
        A scalar in [0, 5] (at most 1 from probabilities, 4 from the SDM), without unit; 0 for equal outputs.

    Detached:
        Both of the teacher's outputs.

    Raises:
        ValueError: the shapes differ, or one network alone has an SDM.
    """
    difference = _squared_difference(student_probs, teacher_probs)
    if student_sdm is None and teacher_sdm is None:
        return difference
    if student_sdm is None or teacher_sdm is None:
        raise ValueError("only one of student and teacher has an SDM; expected both or none")
    return difference + _squared_difference(student_sdm, teacher_sdm)


def _squared_difference(student: Tensor, teacher: Tensor) -> Tensor:
    if student.shape != teacher.shape:
        shapes = f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        raise ValueError(f"outputs of student and teacher are {shapes}; expected the same shape")
    return functional.mse_loss(student, teacher.detach())

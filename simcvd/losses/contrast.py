"""Eqs. 2 and 3: boundary-aware contrast between the slices of student and teacher."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

# Smallest length that a row is divided by: a row of zeros has no direction and must not get a huge gradient.
SMALLEST_NORM = 1e-6


def slice_contrast(
    student_rows: Tensor,
    teacher_rows: Tensor,
    temperature: float,
    similarity: Literal["cosine", "dot"] = "cosine",
    rows: int | None = None,
    generator: torch.Generator | None = None,
    gather: Callable[[Tensor], Tensor] | None = None,
    negatives: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the InfoNCE loss between the slices of student and teacher, both directions summed.

    Eq. 3: `mean_j [l(t_j, s_j) + l(s_j, t_j)]`
    Eq. 2: `l(a_j, b_j) = -log exp(a_j.b_j / tau) / sum_{n in D_j} exp(a_j.b_n / tau)`

    Row j of one network and row j of the other (same volume, class and slice) are the positive. The denominator D_j
    holds rows of the *other* network only, as Eq. 2 has it, the positive among them. It leaves out rows of the same
    slice of another class, which show the same image and are no negatives (gap: the paper has one class).

    Args:
        student_rows: h^s, `[B, K, Z, F]`, slices of B unlabelled volumes and K foreground classes.
        teacher_rows: h^t, the same shape.
        temperature: tau.
        similarity: "cosine" divides rows by their L2 norm first, "dot" does not (gap).
        rows: size of D_j: the positive and `rows - 1` others, drawn anew for each row and direction without
            replacement; none: all rows (gap: the paper's B is not given).
        generator: draws D_j; needed with `rows`.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]`, its backward pass summing the workers' gradients.
            Every worker then returns the loss of all volumes, and the mean of the workers' gradients is its gradient.
        negatives: rows of student and teacher of further slices, `[L, K, Z, F]` each, that D_j may hold too.

    Returns:
        A float32 scalar, also under autocast, in nats; 2 ln|D| where all rows are alike. With cosine similarity and all
        N rows of one class it stays above `2 ln(1 + (N - 1) exp(-N / ((N - 1) tau)))`, 5.77 for N = 128 and tau = 0.5.

    Detached:
        The teacher's rows.

    Raises:
        ValueError: the shapes differ, or `rows` comes without a generator.
    """
    if student_rows.shape != teacher_rows.shape:
        shapes = f"{tuple(student_rows.shape)} and {tuple(teacher_rows.shape)}"
        raise ValueError(f"rows of student and teacher are {shapes}; expected the same shape")
    if rows is not None and generator is None:
        raise ValueError(f"{rows} rows are to be drawn, but there is no generator; expected one")
    _, classes, slices, _ = student_rows.shape
    with torch.autocast(student_rows.device.type, enabled=False):
        student = _prepared(student_rows, similarity)
        teacher = _prepared(teacher_rows.detach(), similarity)
        if gather is not None:
            student, teacher = gather(student), gather(teacher).detach()
        similarities = student @ teacher.T / temperature  # [N, N], rows student, columns teacher
        excluded = _other_classes(len(student), classes, slices, student.device)
        to_teacher, to_student = similarities, similarities.T
        if negatives is not None:
            more_student = _prepared(negatives[0], similarity)
            more_teacher = _prepared(negatives[1].detach(), similarity)
            if gather is not None:
                more_student, more_teacher = gather(more_student), gather(more_teacher).detach()
            to_teacher = torch.cat((to_teacher, student @ more_teacher.T / temperature), 1)
            to_student = torch.cat((to_student, teacher @ more_student.T / temperature), 1)
            excluded = functional.pad(excluded, (0, len(more_student)))
        student_to_teacher = _info_nce(to_teacher, _left_out(excluded, classes, rows, generator))
        teacher_to_student = _info_nce(to_student, _left_out(excluded, classes, rows, generator))
        return student_to_teacher + teacher_to_student


def _prepared(rows: Tensor, similarity: str) -> Tensor:
    flat = rows.float().flatten(0, 2)
    return functional.normalize(flat, eps=SMALLEST_NORM) if similarity == "cosine" else flat


def _info_nce(similarities: Tensor, left_out: Tensor) -> Tensor:
    positives = torch.arange(len(similarities), device=similarities.device)
    return functional.cross_entropy(similarities.masked_fill(left_out, -torch.inf), positives)


def _other_classes(count: int, classes: int, slices: int, device: torch.device) -> Tensor:
    """Mark pairs of rows `[N, N]` that are the same slice of different classes."""
    row = torch.arange(count, device=device)
    place = row // (classes * slices) * slices + row % slices
    same_place = place[:, None] == place[None]
    return same_place.fill_diagonal_(False)


def _left_out(excluded: Tensor, classes: int, rows: int | None, generator: torch.Generator | None) -> Tensor:
    """Mark what the denominators `[N, M]` leave out: `excluded`, and all that is not drawn where `rows` is given."""
    if rows is None or rows >= excluded.shape[1] - (classes - 1):
        return excluded
    order = torch.rand(excluded.shape, generator=generator, device=excluded.device)
    order = order.masked_fill(excluded, 2).fill_diagonal_(-1)  # the positive comes first, what is excluded last
    drawn = order.topk(rows, largest=False, sorted=False).indices
    return torch.ones_like(excluded).scatter(1, drawn, False)

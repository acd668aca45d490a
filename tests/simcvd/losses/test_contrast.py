import math

import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from simcvd.losses.contrast import slice_contrast


def _random(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


def _by_loops(student: Tensor, teacher: Tensor, temperature: float, cosine: bool) -> float:
    """Eqs. 2 and 3 word by word, in double precision."""
    volumes, classes, slices, _ = student.shape
    places = [(b, k, z) for b in range(volumes) for k in range(classes) for z in range(slices)]

    def similarity(a: Tensor, b: Tensor) -> float:
        a, b = a.double(), b.double()
        return (a @ b / (a.norm() * b.norm() if cosine else 1)).item() / temperature

    total = 0.0
    for b, k, z in places:
        for anchor, other in ((teacher, student), (student, teacher)):
            row = anchor[b, k, z]
            denominator = [
                similarity(row, other[c, m, y]) for c, m, y in places if (c, y) != (b, z) or (c, m, y) == (b, k, z)
            ]
            total += float(logsumexp(denominator)) - similarity(row, other[b, k, z])
    return total / len(places)


def test_contrast_of_two_orthogonal_slices_worked_by_hand() -> None:
    """Rows (1, 0) and (0, 1) in both networks, tau = 0.5: the positive's exponent is 2, the negative's 0.

    Each direction costs ln(1 + exp(-2)) = 0.126928, both 0.253856.
    """
    rows = torch.eye(2).view(1, 1, 2, 2)
    assert slice_contrast(rows, rows, 0.5).item() == pytest.approx(0.253856, abs=1e-6)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("classes", [1, 3])
def test_contrast_equals_loops_over_the_papers_equations(similarity: str, classes: int) -> None:
    student, teacher = _random(2, classes, 4, 5)
    value = slice_contrast(student, teacher, 0.5, similarity)  # type: ignore[arg-type]
    assert value.item() == pytest.approx(_by_loops(student, teacher, 0.5, similarity == "cosine"), rel=1e-5)


def test_contrast_of_equal_rows_is_chance() -> None:
    rows = torch.ones(2, 1, 64, 8)
    assert slice_contrast(rows, rows, 0.5).item() == pytest.approx(2 * math.log(128), abs=1e-4)


@pytest.mark.parametrize(("slices", "floor"), [(64, 5.77), (80, 6.20)])
def test_contrast_falls_to_its_floor_when_rows_are_a_simplex(slices: int, floor: float) -> None:
    rows = torch.eye(2 * slices) - 1 / (2 * slices)
    rows = rows.view(2, 1, slices, -1)
    assert slice_contrast(rows, rows, 0.5).item() == pytest.approx(floor, abs=5e-3)


def test_contrast_with_cosine_ignores_the_rows_lengths() -> None:
    student, teacher = _random(2, 2, 4, 5)
    expected = slice_contrast(student, teacher, 0.5)
    torch.testing.assert_close(slice_contrast(3 * student, 0.1 * teacher, 0.5), expected)


def test_contrast_is_the_same_for_swapped_networks_and_reordered_slices() -> None:
    student, teacher = _random(2, 2, 4, 5)
    expected = slice_contrast(student, teacher, 0.5)
    torch.testing.assert_close(slice_contrast(teacher, student, 0.5), expected)
    torch.testing.assert_close(slice_contrast(student.flip(0, 2), teacher.flip(0, 2), 0.5), expected)


def test_contrast_gives_no_gradient_to_the_teacher() -> None:
    student, teacher = (rows.requires_grad_() for rows in _random(2, 1, 4, 5))
    slice_contrast(student, teacher, 0.5).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.norm() > 0


def test_contrast_of_rows_without_length_has_a_finite_gradient() -> None:
    student, teacher = torch.zeros(1, 1, 4, 5, requires_grad=True), _random(1, 1, 4, 5)[1]
    slice_contrast(student, teacher, 0.5).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_contrast_stays_float32_under_autocast() -> None:
    student, teacher = _random(2, 1, 8, 5)
    expected = slice_contrast(student, teacher, 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        value = slice_contrast(student, teacher, 0.5)
        assert slice_contrast(student.bfloat16(), teacher.bfloat16(), 0.5).dtype == torch.float32
    assert value.item() == expected.item()


def test_contrast_draws_as_many_rows_as_asked() -> None:
    rows = torch.ones(2, 3, 8, 4)
    for count in (2, 5):
        value = slice_contrast(rows, rows, 0.5, rows=count, generator=torch.Generator().manual_seed(0))
        assert value.item() == pytest.approx(2 * math.log(count), abs=1e-5)


def test_contrast_of_more_rows_than_there_are_uses_all() -> None:
    student, teacher = _random(2, 2, 4, 5)
    value = slice_contrast(student, teacher, 0.5, rows=100, generator=torch.Generator())
    assert value.item() == slice_contrast(student, teacher, 0.5).item()


def test_contrast_always_draws_the_positive() -> None:
    """Positives have exponent 0, all others -20: without its positive a row would cost about -20 + ln 2."""
    student = 10 * torch.eye(8)
    value = slice_contrast(
        student.view(1, 1, 8, 8),
        (2 * torch.eye(8) - 2).view(1, 1, 8, 8),
        1.0,
        "dot",
        rows=2,
        generator=torch.Generator().manual_seed(0),
    )
    assert value.item() == pytest.approx(0, abs=1e-4)


def test_contrast_draws_every_negative_equally_often() -> None:
    student, teacher = _random(1, 2, 4, 5)
    generator = torch.Generator().manual_seed(0)
    values = [slice_contrast(student, teacher, 1.0, "dot", rows=2, generator=generator).item() for _ in range(400)]

    similarities = student.flatten(0, 2) @ teacher.flatten(0, 2).T
    expected = 0.0
    for matrix in (similarities, similarities.T):
        for j in range(8):
            others = [n for n in range(8) if n % 4 != j % 4]
            expected += sum(math.log1p(math.exp(matrix[j, n] - matrix[j, j])) for n in others) / len(others) / 8
    assert sum(values) / len(values) == pytest.approx(expected, rel=0.03)


def test_contrast_draws_depend_on_the_generator_alone() -> None:
    student, teacher = _random(2, 1, 8, 5)

    def value(seed: int) -> float:
        return slice_contrast(student, teacher, 0.5, rows=4, generator=torch.Generator().manual_seed(seed)).item()

    assert value(1) == value(1)
    assert value(1) != value(2)


def test_contrast_of_two_workers_is_that_of_all_their_volumes() -> None:
    student, teacher = _random(4, 2, 3, 5)
    whole = student.clone().requires_grad_()
    expected = slice_contrast(whole, teacher, 0.5, rows=7, generator=torch.Generator().manual_seed(0))
    expected.backward()

    shared = student.clone().requires_grad_()
    parts = (slice(0, 2), slice(2, 4))
    sent: list[list[Tensor]] = []
    for part in parts:
        sent.append([])
        slice_contrast(shared[part], teacher[part], 0.5, gather=lambda rows: sent[-1].append(rows) or torch.cat([rows]))
    gathered = [torch.cat(rows) for rows in zip(*sent, strict=True)]
    losses = []
    for part in parts:
        answers = iter(gathered)
        losses.append(
            slice_contrast(
                shared[part],
                teacher[part],
                0.5,
                rows=7,
                generator=torch.Generator().manual_seed(0),
                gather=lambda _, answers=answers: next(answers),
            )
        )
    (sum(losses) / 2).backward()
    torch.testing.assert_close(losses[0], expected)
    torch.testing.assert_close(losses[1], expected)
    torch.testing.assert_close(shared.grad, whole.grad)


def test_contrast_refuses_rows_of_other_shapes_and_draws_without_a_generator() -> None:
    student, _ = _random(1, 1, 4, 5)
    with pytest.raises(ValueError, match="same shape"):
        slice_contrast(student, student[:, :, :3], 0.5)
    with pytest.raises(ValueError, match="no generator"):
        slice_contrast(student, student, 0.5, rows=2)

import math

import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from simcvd.losses.distillation import pairwise_distillation


def _random(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


def test_distillation_of_two_orthogonal_positions_worked_by_hand() -> None:
    """Features (1, 0) and (0, 1) in both networks: cosines 1 and 0, so ln(1 + exp(-1)) = 0.313262 at each position."""
    features = torch.eye(2).view(1, 2, 2, 1, 1)
    assert pairwise_distillation(features, features).item() == pytest.approx(0.313262, abs=1e-6)


def test_distillation_equals_a_loop_over_volumes_and_positions() -> None:
    student, teacher = _random(2, 6, 3, 2, 2)
    losses = []
    for i in range(2):
        rows_s, rows_t = student[i].flatten(1).T.double(), teacher[i].flatten(1).T.double()
        for j in range(12):
            cosines = [(rows_s[j] @ t / (rows_s[j].norm() * t.norm())).item() for t in rows_t]
            losses.append(logsumexp(cosines) - cosines[j])
    assert pairwise_distillation(student, teacher).item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_distillation_of_alike_positions_is_chance_and_of_one_position_zero() -> None:
    features = torch.ones(2, 4, 3, 2, 2)
    assert pairwise_distillation(features, features).item() == pytest.approx(math.log(12), abs=1e-5)
    assert pairwise_distillation(*_random(2, 4, 1, 1, 1)).item() == 0


def test_distillation_ignores_lengths_and_the_memory_format() -> None:
    student, teacher = _random(2, 6, 3, 2, 2)
    expected = pairwise_distillation(student, teacher)
    torch.testing.assert_close(pairwise_distillation(5 * student, 0.2 * teacher), expected)
    channels_last = [features.contiguous(memory_format=torch.channels_last_3d) for features in (student, teacher)]
    torch.testing.assert_close(pairwise_distillation(*channels_last), expected)


def test_distillation_gives_no_gradient_to_the_teacher() -> None:
    student, teacher = (features.requires_grad_() for features in _random(2, 6, 3, 2, 2))
    pairwise_distillation(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.norm() > 0


def test_distillation_of_dead_positions_has_a_finite_gradient() -> None:
    student, teacher = torch.zeros(1, 4, 2, 2, 2, requires_grad=True), _random(1, 4, 2, 2, 2)[1]
    pairwise_distillation(student, teacher).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_distillation_stays_float32_under_autocast() -> None:
    student, teacher = _random(2, 6, 3, 2, 2)
    expected = pairwise_distillation(student, teacher)
    with torch.autocast("cpu", torch.bfloat16):
        assert pairwise_distillation(student, teacher).item() == expected.item()


def test_distillation_refuses_features_of_other_shapes() -> None:
    student, _ = _random(1, 4, 2, 2, 2)
    with pytest.raises(ValueError, match="same shape"):
        pairwise_distillation(student, student[..., :1])

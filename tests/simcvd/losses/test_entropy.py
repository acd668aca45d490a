import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from simcvd.losses.entropy import mean_entropy, predictive_entropy


def _logits() -> Tensor:
    return 2 * torch.randn(2, 3, 2, 3, 4, generator=torch.Generator().manual_seed(0))


def _passes() -> Tensor:
    """`[T, B, C, X, Y, Z]` of 4 passes."""
    return (2 * torch.randn(4, 2, 3, 2, 3, 4, generator=torch.Generator().manual_seed(0))).softmax(2)


def test_mean_entropy_of_two_voxels_worked_by_hand() -> None:
    """Voxel A has probabilities (1/2, 1/2), its entropy is ln 2, 1 part of ln 2.

    Voxel B has (1/4, 3/4): (1/4) ln 4 + (3/4) ln(4/3) = 0.562335 nats, 0.811278 parts of ln 2. Their mean is 0.905639.
    """
    logits = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]).view(1, 2, 2, 1, 1)
    assert mean_entropy(logits).item() == pytest.approx(0.905639, abs=1e-6)


def test_mean_entropy_equals_scipys_in_base_c() -> None:
    logits = _logits()
    expected = stats.entropy(logits.double().softmax(1).numpy(), base=3, axis=1).mean()
    assert mean_entropy(logits).item() == pytest.approx(expected, abs=1e-6)


def test_mean_entropy_ignores_the_order_of_classes_and_a_constant_added_to_all_logits() -> None:
    logits = _logits()
    torch.testing.assert_close(mean_entropy(logits[:, [2, 0, 1]] + 7), mean_entropy(logits))


@pytest.mark.parametrize("classes", [2, 5])
def test_mean_entropy_spans_0_to_1_whatever_the_number_of_classes(classes: int) -> None:
    equal = torch.zeros(1, classes, 2, 2, 2)
    decided = equal.index_fill(1, torch.tensor([0]), 1e4)
    assert mean_entropy(equal).item() == pytest.approx(1, abs=1e-6)
    assert mean_entropy(decided).item() == 0


def test_mean_entropy_has_a_finite_gradient_where_probabilities_have_vanished() -> None:
    """Through the probabilities themselves it would be 0 times infinity."""
    logits = torch.tensor([1e4, 0.0]).view(1, 2, 1, 1, 1).requires_grad_()
    mean_entropy(logits).backward()
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == [0, 0]


def test_descending_the_mean_entropy_decides_for_the_likelier_class() -> None:
    logits = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1, 1).requires_grad_()
    mean_entropy(logits).backward()
    assert logits.grad is not None
    likely, unlikely = logits.grad.flatten().tolist()
    assert likely < 0 < unlikely


def test_predictive_entropy_of_two_voxels_worked_by_hand() -> None:
    """Voxel A is (0.9, 0.1) in both passes: 0.325083 nats, 0.468996 parts of ln 2.

    Voxel B is (0.8, 0.2), then (0.2, 0.8): their mean is (1/2, 1/2), 1 part of ln 2, though each pass is decided.
    """
    probs = torch.tensor([[[0.9, 0.8], [0.1, 0.2]], [[0.9, 0.2], [0.1, 0.8]]]).view(2, 1, 2, 2, 1, 1)
    uncertainty = predictive_entropy(probs)
    assert uncertainty.shape == (1, 2, 1, 1)
    assert uncertainty.flatten().tolist() == pytest.approx([0.468996, 1], abs=1e-6)


def test_predictive_entropy_equals_scipys_of_the_mean() -> None:
    probs = _passes()
    expected = stats.entropy(probs.double().mean(0).numpy(), base=3, axis=1)
    torch.testing.assert_close(predictive_entropy(probs).double(), torch.from_numpy(expected), atol=1e-6, rtol=0)


def test_predictive_entropy_ignores_the_order_of_passes() -> None:
    probs = _passes()
    torch.testing.assert_close(predictive_entropy(probs.flip(0)), predictive_entropy(probs))


def test_predictive_entropy_of_vanished_probabilities_is_zero() -> None:
    probs = torch.tensor([1.0, 0.0]).view(1, 1, 2, 1, 1, 1)
    assert predictive_entropy(probs).item() == 0

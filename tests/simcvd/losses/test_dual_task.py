import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor

from simcvd.losses.dual_task import dual_task_consistency, smooth_step


def _random() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    probs = torch.randn(2, 3, 2, 3, 4, generator=generator).softmax(1)
    return probs, torch.rand(2, 2, 2, 3, 4, generator=generator) * 2 - 1


def _voxel(*values: float) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1, 1)


def test_consistency_of_one_voxel_worked_by_hand() -> None:
    """A distance of -ln(3) / k, inside, becomes 3 / 4; against a foreground probability of 1 / 4 that is (1/2)^2."""
    sdm = _voxel(-math.log(3) / 1500)
    assert smooth_step(sdm, 1500).item() == pytest.approx(0.75, rel=1e-5)
    assert dual_task_consistency(_voxel(0.75, 0.25), sdm, 1500).item() == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("steepness", [2.0, 1500.0])
def test_consistency_equals_scipys_logistic_function(steepness: float) -> None:
    probs, sdm = _random()
    expected = np.square(probs[:, 1:].double().numpy() - expit(-steepness * sdm.double().numpy())).mean()
    assert dual_task_consistency(probs, sdm, steepness).item() == pytest.approx(expected, rel=1e-5)


def test_consistency_is_zero_where_heads_agree_and_knows_no_order_of_classes() -> None:
    probs, sdm = _random()
    agreeing = torch.cat((probs[:, :1], smooth_step(sdm, 3.0)), 1)
    assert dual_task_consistency(agreeing, sdm, 3.0).item() == 0
    torch.testing.assert_close(
        dual_task_consistency(probs[:, [0, 2, 1]], sdm.flip(1), 3.0), dual_task_consistency(probs, sdm, 3.0)
    )


def test_gradient_reaches_both_heads() -> None:
    """At d = 0 the step is 1/2 with slope -k/4: p = 0.7 gets 2 (0.7 - 0.5) = 0.4, d gets -0.4 (-k/4) = 0.1 k."""
    probs, sdm = _voxel(0.3, 0.7).requires_grad_(), _voxel(0.0).requires_grad_()
    dual_task_consistency(probs, sdm, 1500).backward()
    assert probs.grad is not None
    assert sdm.grad is not None
    assert probs.grad.flatten().tolist() == pytest.approx([0, 0.4])
    assert sdm.grad.item() == pytest.approx(150)


def test_gradient_of_a_voxels_distance_stays_below_its_bound() -> None:
    """`2 (1 - s) k s (1 - s)` is largest at s = 1/3: 8 k / 27, 444 for k = 1500."""
    sdm = torch.linspace(-0.01, 0.01, 2001).view(1, 1, -1, 1, 1).requires_grad_()
    dual_task_consistency(torch.ones(1, 2, 2001, 1, 1), sdm, 1500).backward()
    assert sdm.grad is not None
    assert (2001 * sdm.grad.abs()).max().item() == pytest.approx(8 * 1500 / 27, rel=1e-3)


def test_saturated_steps_are_exact_and_without_gradient() -> None:
    probs, sdm = torch.full((1, 2, 2, 1, 1), 0.4), torch.tensor([-1.0, 1.0]).view(1, 1, 2, 1, 1).requires_grad_()
    assert smooth_step(sdm, 1500).flatten().tolist() == [1, 0]
    value = dual_task_consistency(probs, sdm, 1500)
    value.backward()
    assert value.item() == pytest.approx((0.6**2 + 0.4**2) / 2)
    assert sdm.grad is not None
    assert sdm.grad.flatten().tolist() == [0, 0]


def test_consistency_refuses_another_number_of_maps() -> None:
    probs, sdm = _random()
    with pytest.raises(ValueError, match="same shape"):
        dual_task_consistency(probs, sdm[:, :1], 1500)

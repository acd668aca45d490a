import pytest
import torch

from simcvd.losses.masked_mean import masked_mean


def test_mean_of_the_chosen_voxels_worked_by_hand() -> None:
    """Of 1, 2, 6 the first and the last: 7 / 2; where each is a sum over two channels, half of it."""
    values, mask = torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1), torch.tensor([True, False, True]).view(1, 3, 1, 1)
    assert masked_mean(values, mask).item() == 3.5
    assert masked_mean(values, mask, channels=2).item() == 1.75


@pytest.mark.parametrize("outside", [-5.0, 0.0, 1e30])
def test_values_outside_of_the_mask_play_no_part(outside: float) -> None:
    values = torch.tensor([1.0, outside, 6.0]).view(1, 3, 1, 1).requires_grad_()
    value = masked_mean(values, torch.tensor([True, False, True]).view(1, 3, 1, 1))
    value.backward()
    assert value.item() == 3.5
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [0.5, 0, 0.5]


def test_empty_mask_gives_zero_with_a_gradient_of_zero() -> None:
    values = torch.ones(1, 3, 1, 1, requires_grad=True)
    value = masked_mean(values, torch.zeros(1, 3, 1, 1, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert values.grad is not None
    assert not values.grad.any()

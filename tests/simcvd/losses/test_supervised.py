import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from simcvd.losses.supervised import cross_entropy, sdm_error, soft_dice


def _random(classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, classes, 3, 4, 5, generator=generator)
    return logits, torch.randint(0, classes, (2, 3, 4, 5), generator=generator)


def test_cross_entropy_of_two_voxels_worked_by_hand() -> None:
    """Both voxels have logits (0, ln 3), so probabilities (1/4, 3/4).

    Label 1 costs -ln(3/4) = 0.287682, label 0 costs -ln(1/4) = 1.386294; their mean is 0.836988.
    """
    logits = torch.tensor([[0.0, 0.0], [math.log(3), math.log(3)]]).view(1, 2, 2, 1, 1)
    label = torch.tensor([1, 0]).view(1, 2, 1, 1)
    assert cross_entropy(logits, label).item() == pytest.approx(0.836988, abs=1e-6)


def test_cross_entropy_equals_torchs_own_with_equal_gradient() -> None:
    logits, label = _random()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value = cross_entropy(ours, label)
    expected = functional.cross_entropy(theirs, label)
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_cross_entropy_ignores_a_constant_added_to_all_logits() -> None:
    logits, label = _random()
    torch.testing.assert_close(cross_entropy(logits + 7, label), cross_entropy(logits, label))


def test_soft_dice_of_two_voxels_worked_by_hand() -> None:
    """Foreground probabilities are (1, 1/2), the labels (1, 0).

    The overlap is 1, the squares sum to 1 + 1/4, the label to 1: 1 - 2 / 2.25 = 0.111111.
    """
    probs = torch.tensor([[0.0, 0.5], [1.0, 0.5]]).view(1, 2, 2, 1, 1)
    label = torch.tensor([1, 0]).view(1, 2, 1, 1)
    assert soft_dice(probs, label).item() == pytest.approx(1 / 9, abs=1e-5)


def test_soft_dice_perfect_overlap_is_zero() -> None:
    _, label = _random()
    probs = functional.one_hot(label, 3).movedim(-1, 1).float()
    assert soft_dice(probs, label).item() == pytest.approx(0, abs=1e-6)


def test_soft_dice_no_overlap_is_one() -> None:
    label = torch.zeros(1, 2, 2, 2, dtype=torch.int64)
    probs = torch.stack([torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2)], 1)
    assert soft_dice(probs, label).item() == pytest.approx(1, abs=1e-5)


def test_soft_dice_equals_a_loop_over_classes_and_voxels() -> None:
    logits, label = _random()
    probs = logits.softmax(1)
    losses = []
    for k in (1, 2):
        overlap = squares = size = 0.0
        for p, y in zip(probs[:, k].flatten().tolist(), label.flatten().tolist(), strict=True):
            overlap += p * (y == k)
            squares += p * p
            size += y == k
        losses.append(1 - (2 * overlap + 1e-5) / (squares + size + 1e-5))
    assert soft_dice(probs, label).item() == pytest.approx(sum(losses) / 2, abs=1e-6)


def test_soft_dice_does_not_depend_on_where_voxels_are() -> None:
    logits, label = _random()
    probs = logits.softmax(1)
    torch.testing.assert_close(soft_dice(probs.flip(0, 2).mT, label.flip(0, 1).mT), soft_dice(probs, label))


def test_soft_dice_of_two_workers_is_that_of_all_their_crops() -> None:
    logits, label = _random()
    whole = logits.clone().requires_grad_()
    expected = soft_dice(whole.softmax(1), label)
    expected.backward()

    shared = logits.clone().requires_grad_()
    sent: list[Tensor] = []
    for rank in (0, 1):
        soft_dice(shared.softmax(1)[rank : rank + 1], label[rank : rank + 1], lambda row: sent.append(row) or row)
    losses = [
        soft_dice(shared.softmax(1)[rank : rank + 1], label[rank : rank + 1], lambda _: torch.cat(sent))
        for rank in (0, 1)
    ]
    (sum(losses) / 2).backward()
    torch.testing.assert_close(losses[0], expected)
    torch.testing.assert_close(losses[1], expected)
    torch.testing.assert_close(shared.grad, whole.grad)


def test_sdm_error_worked_by_hand() -> None:
    """Maps (0.5, -1) against (0, 1): (0.25 + 4) / 2 = 2.125."""
    sdm = torch.tensor([0.5, -1.0]).view(1, 1, 2, 1, 1)
    target = torch.tensor([0.0, 1.0]).view(1, 1, 2, 1, 1)
    assert sdm_error(sdm, target).item() == pytest.approx(2.125)


def test_sdm_error_equals_a_loop_and_is_symmetric() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(2, 2, 3, 3, 3, generator=generator) for _ in range(2))
    expected = sum((x - y) ** 2 for x, y in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)) / a.numel()
    assert sdm_error(a, b).item() == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(sdm_error(a, b), sdm_error(b, a))


Loss = Callable[..., Tensor]


def _losses() -> dict[str, tuple[Tensor, Tensor, Loss]]:
    """Return each loss, called as `loss(outputs, target, counted, gather)`, and random outputs and targets of it."""
    logits, label = _random()
    generator = torch.Generator().manual_seed(1)
    sdm, target = (torch.rand(2, 2, 3, 4, 5, generator=generator) for _ in range(2))
    return {
        "cross_entropy": (logits, label, cross_entropy),
        "soft_dice": (
            logits,
            label,
            lambda z, y, counted=None, gather=None: soft_dice(z.softmax(1), y, gather, counted),
        ),
        "sdm_error": (sdm, target, sdm_error),
    }


def _counted() -> Tensor:
    counted = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    assert counted[0].sum() != counted[1].sum()
    return counted


def _cut_out(volume: Tensor, counted: Tensor) -> Tensor:
    """Return the counted voxels alone as one long crop `[1, channels, N, 1, 1]`, or `[1, N, 1, 1]` of a label."""
    if volume.ndim == 4:
        return volume[counted][None, :, None, None]
    return volume.movedim(1, -1)[counted].T[None, :, :, None, None]


every_loss = pytest.mark.parametrize("name", list(_losses()))


@every_loss
def test_loss_on_counted_voxels_equals_that_without_the_others_with_equal_gradient(name: str) -> None:
    outputs, target, loss = _losses()[name]
    counted = _counted()
    masked, alone = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
    value = loss(masked, target, counted)
    expected = loss(_cut_out(alone, counted), _cut_out(target, counted))
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(masked.grad, alone.grad)
    assert masked.grad is not None
    assert torch.equal(masked.grad.any(1), counted)
    assert value.item() != pytest.approx(loss(outputs, target).item())


@every_loss
def test_loss_does_not_see_outputs_and_targets_of_ignored_voxels(name: str) -> None:
    outputs, target, loss = _losses()[name]
    counted = _counted()
    other = torch.where(counted.unsqueeze(1), outputs, 50 * outputs.flip(1))
    told = torch.where(counted.unsqueeze(1) if target.ndim == 5 else counted, target, 1)
    assert torch.equal(loss(other, told, counted), loss(outputs, target, counted))


@every_loss
def test_loss_with_every_voxel_counted_is_the_plain_one(name: str) -> None:
    outputs, target, loss = _losses()[name]
    torch.testing.assert_close(loss(outputs, target, torch.ones_like(_counted())), loss(outputs, target))


@every_loss
def test_crops_without_a_counted_voxel_cost_nothing_and_move_nothing(name: str) -> None:
    outputs, target, loss = _losses()[name]
    outputs.requires_grad_()
    value = loss(outputs, target, torch.zeros_like(_counted()))
    value.backward()
    assert value.item() == 0
    assert outputs.grad is not None
    assert not outputs.grad.any()


@every_loss
def test_counted_voxels_of_two_workers_weigh_alike(name: str) -> None:
    outputs, target, loss = _losses()[name]
    counted = _counted()
    parts = [(outputs[rank : rank + 1], target[rank : rank + 1], counted[rank : rank + 1]) for rank in (0, 1)]
    sent: list[Tensor] = []
    for part in parts:
        loss(*part, lambda row: sent.append(row) or row)
    for part in parts:
        torch.testing.assert_close(loss(*part, lambda _: torch.cat(sent)), loss(outputs, target, counted))


def test_cross_entropy_on_counted_voxels_equals_torchs_own_with_an_ignored_index() -> None:
    logits, label = _random()
    counted = _counted()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value = cross_entropy(ours, label * counted, counted)
    expected = functional.cross_entropy(theirs, label.masked_fill(~counted, 255), ignore_index=255)
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_sdm_error_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match="same shape"):
        sdm_error(torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 2, 2, 2, 2))

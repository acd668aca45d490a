import numpy as np
import pytest
import torch
from torch import Tensor

from simcvd.losses.consistency import consistency
from simcvd.losses.masked_consistency import masked_consistency


def _random(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(batch, 3, 2, 3, 4, generator=generator).softmax(1) for _ in range(2))
    return student, teacher, torch.rand(batch, 2, 3, 4, generator=generator) < 0.4


def test_masked_consistency_of_three_voxels_worked_by_hand() -> None:
    """Foreground 0.7, 0.6 and 0.1 against 0.9, 0.2 and 0.6; the mask leaves out the last voxel.

    Both classes differ alike: (2 x 0.04 + 2 x 0.16) / (2 x 2) = 0.1.
    """
    student, teacher = (
        torch.tensor([[1 - p for p in foreground], foreground]).view(1, 2, 3, 1, 1)
        for foreground in ([0.7, 0.6, 0.1], [0.9, 0.2, 0.6])
    )
    mask = torch.tensor([True, True, False]).view(1, 3, 1, 1)
    assert masked_consistency(student, teacher, mask).item() == pytest.approx(0.1)


def test_masked_consistency_equals_the_mean_over_the_chosen_voxels() -> None:
    student, teacher, mask = _random()
    chosen = np.moveaxis((student - teacher).double().numpy(), 1, -1)[mask.numpy()]
    assert 0 < len(chosen) < mask.numel()
    assert masked_consistency(student, teacher, mask).item() == pytest.approx((chosen**2).mean(), abs=1e-7)


def test_full_mask_is_plain_consistency() -> None:
    student, teacher, mask = _random()
    value = masked_consistency(student, teacher, torch.ones_like(mask))
    torch.testing.assert_close(value, consistency(student, teacher, None, None))


def test_masked_consistency_does_not_see_what_the_mask_leaves_out() -> None:
    student, teacher, mask = _random()
    other = torch.where(mask.unsqueeze(1), teacher, 1 - teacher)
    assert not torch.equal(other, teacher)
    torch.testing.assert_close(masked_consistency(student, other, mask), masked_consistency(student, teacher, mask))


def test_empty_mask_gives_zero_with_a_gradient_of_zero() -> None:
    student, teacher, mask = _random()
    student.requires_grad_()
    value = masked_consistency(student, teacher, torch.zeros_like(mask))
    value.backward()
    assert value.item() == 0
    assert student.grad is not None
    assert not student.grad.any()


def test_masked_consistency_gives_gradient_to_the_students_chosen_voxels_alone() -> None:
    student, teacher, mask = _random()
    student.requires_grad_()
    teacher.requires_grad_()
    masked_consistency(student, teacher, mask).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert torch.equal(student.grad.any(1), mask)


def test_gathered_sums_give_each_worker_the_mean_over_all_of_their_voxels() -> None:
    student, teacher, mask = _random(batch=4)
    parts = list(zip(student.chunk(2), teacher.chunk(2), mask.chunk(2), strict=True))
    sums: list[Tensor] = []
    for part in parts:
        masked_consistency(*part, lambda rows: sums.append(rows) or rows)  # type: ignore[func-returns-value]
    assert [row.shape for row in sums] == [(1, 2), (1, 2)]
    whole = masked_consistency(student, teacher, mask)
    alone = torch.stack([masked_consistency(*part) for part in parts]).mean()
    assert not torch.isclose(alone, whole, rtol=1e-4)
    for part in parts:
        torch.testing.assert_close(masked_consistency(*part, lambda rows: torch.cat(sums)), whole)


def test_masked_consistency_refuses_other_shapes_and_weights_in_place_of_a_mask() -> None:
    student, teacher, mask = _random()
    with pytest.raises(ValueError, match="same shape"):
        masked_consistency(student, teacher[:1], mask)
    with pytest.raises(ValueError, match=r"expected torch.bool \(2, 2, 3, 4\)"):
        masked_consistency(student, teacher, mask[:1])
    with pytest.raises(ValueError, match=r"torch.float32"):
        masked_consistency(student, teacher, mask.float())

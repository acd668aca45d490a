import pytest
import torch
from torch import Tensor

from simcvd.losses.consistency import consistency


def _random() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    probs = [torch.randn(2, 3, 2, 3, 4, generator=generator).softmax(1) for _ in range(2)]
    sdm = [torch.randn(2, 2, 2, 3, 4, generator=generator).tanh() for _ in range(2)]
    return probs[0], probs[1], sdm[0], sdm[1]


def test_consistency_of_one_voxel_worked_by_hand() -> None:
    """Probabilities (0.8, 0.2) against (0.6, 0.4): (0.04 + 0.04) / 2 = 0.04; SDM 0.5 against -0.5: 1. Together 1.04."""
    probs = [torch.tensor(values).view(1, 2, 1, 1, 1) for values in ([0.8, 0.2], [0.6, 0.4])]
    sdm = [torch.tensor(value).view(1, 1, 1, 1, 1) for value in (0.5, -0.5)]
    assert consistency(*probs, None, None).item() == pytest.approx(0.04)
    assert consistency(*probs, *sdm).item() == pytest.approx(1.04)


def test_consistency_equals_a_loop_over_all_values() -> None:
    outputs = _random()
    expected = 0.0
    for student, teacher in (outputs[:2], outputs[2:]):
        pairs = zip(student.flatten().tolist(), teacher.flatten().tolist(), strict=True)
        expected += sum((s - t) ** 2 for s, t in pairs) / student.numel()
    assert consistency(*outputs).item() == pytest.approx(expected, abs=1e-6)


def test_consistency_is_zero_for_equal_outputs_and_the_same_for_swapped_networks() -> None:
    student_probs, teacher_probs, student_sdm, teacher_sdm = _random()
    assert consistency(student_probs, student_probs, student_sdm, student_sdm).item() == 0
    torch.testing.assert_close(
        consistency(teacher_probs, student_probs, teacher_sdm, student_sdm),
        consistency(student_probs, teacher_probs, student_sdm, teacher_sdm),
    )


def test_consistency_gives_no_gradient_to_the_teacher() -> None:
    outputs = [output.requires_grad_() for output in _random()]
    consistency(*outputs).backward()
    student_probs, teacher_probs, student_sdm, teacher_sdm = outputs
    assert teacher_probs.grad is None
    assert teacher_sdm.grad is None
    assert student_probs.grad is not None
    assert student_sdm.grad is not None


def test_consistency_refuses_other_shapes_and_a_lonely_sdm() -> None:
    student_probs, teacher_probs, student_sdm, _ = _random()
    with pytest.raises(ValueError, match="same shape"):
        consistency(student_probs, teacher_probs[:, :1], None, None)
    with pytest.raises(ValueError, match="only one"):
        consistency(student_probs, teacher_probs, student_sdm, None)

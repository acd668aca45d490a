import pytest
import torch
from torch import nn

from simcvd.networks.teacher import add_teachers, update_teachers


def _networks(buffers: str = "own") -> nn.ModuleDict:
    networks = nn.ModuleDict(
        {"student": nn.BatchNorm1d(1), "student_projection": nn.Linear(1, 1), "discriminator": nn.Linear(1, 1)}
    )
    add_teachers(networks, buffers)
    return networks


def _shift_student(networks: nn.ModuleDict) -> None:
    with torch.no_grad():
        for value in (*networks["student"].parameters(), networks["student"].running_mean):
            value.add_(1)
        networks["student_projection"].weight.add_(1)


def test_every_student_has_a_teacher_that_is_a_copy_without_gradients() -> None:
    networks = _networks()
    assert list(networks) == ["student", "student_projection", "discriminator", "teacher", "teacher_projection"]
    for name in ("", "_projection"):
        student, teacher = networks[f"student{name}"], networks[f"teacher{name}"]
        copied = teacher.state_dict()
        assert all(torch.equal(value, copied[key]) for key, value in student.state_dict().items())
        assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_teachers_move_by_the_decay() -> None:
    networks = _networks()
    before = networks["teacher_projection"].weight.item()
    _shift_student(networks)
    update_teachers(networks, 0.75, forwards=True)
    assert networks["teacher"].weight.item() == pytest.approx(1.25)
    assert networks["teacher_projection"].weight.item() == pytest.approx(before + 0.25)


@pytest.mark.parametrize(
    ("buffers", "forwards", "expected"),
    [("own", True, 0.0), ("own", False, 1.0), ("average", True, 0.25), ("average", False, 0.25)],
)
def test_statistics_are_the_teachers_own_the_students_or_averages(
    buffers: str, forwards: bool, expected: float
) -> None:
    """The student's running mean goes from 0 to 1."""
    networks = _networks(buffers)
    _shift_student(networks)
    update_teachers(networks, 0.75, forwards=forwards)
    assert networks["teacher"].running_mean.item() == pytest.approx(expected)

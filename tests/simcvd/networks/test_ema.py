import pytest
import torch
from torch import nn

from simcvd.networks.ema import AveragedBuffers, decay_at, update_average


def network(value: float) -> nn.Sequential:
    made = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.fill_(value)
    return made


def test_average_by_hand() -> None:
    """0.9 * 2 + 0.1 * 7 = 2.5."""
    teacher, student = network(2.0), network(7.0)
    student[1].running_mean.fill_(5)

    update_average(teacher, student, 0.9)

    assert all(p.flatten().tolist() == pytest.approx([2.5] * p.numel()) for p in teacher.parameters())
    assert teacher[1].running_mean.item() == 0
    assert all((p == 7).all() for p in student.parameters())


def test_decay_rises_to_its_largest() -> None:
    assert [decay_at(step, 0.75) for step in (0, 1, 2, 3, 100)] == pytest.approx([0, 1 / 2, 2 / 3, 0.75, 0.75])


def test_warm_up_is_the_plain_mean() -> None:
    teacher = network(100.0)
    for step, value in enumerate((3.0, 5.0, 10.0)):
        update_average(teacher, network(value), decay_at(step, 0.999))

    assert all(p.flatten().tolist() == pytest.approx([6.0] * p.numel()) for p in teacher.parameters())


def test_averaged_buffers_survive_train_mode_forwards() -> None:
    """0.5 * 0 + 0.5 * 4 = 2 for the mean, 0.5 * 1 + 0.5 * 3 = 2 for the variance; then 3 and 2.5."""
    teacher, student = network(1.0), network(1.0)
    averages = AveragedBuffers(student)
    student[1].running_mean.fill_(4)
    student[1].running_var.fill_(3)
    student[1].num_batches_tracked.fill_(7)

    for mean, variance in ((2.0, 2.0), (3.0, 2.5)):
        averages.update(student, 0.5)
        averages.copy_to(teacher)
        assert teacher[1].running_mean.item() == mean
        assert teacher[1].running_var.item() == variance
        assert teacher[1].num_batches_tracked.item() == 7
        teacher(torch.randn(8, 2) + 100)
        assert teacher[1].running_mean.item() != mean

    averages.copy_to(teacher)
    assert teacher[1].running_mean.item() == 3


def test_averaged_buffers_are_part_of_a_checkpoint() -> None:
    first = AveragedBuffers(network(1.0))
    student = network(1.0)
    student[1].running_mean.fill_(4)
    first.update(student, 0.0)

    second = AveragedBuffers(network(1.0))
    second.load_state_dict(first.state_dict())

    assert [b.tolist() for b in second.buffers()] == [b.tolist() for b in student.buffers()]

"""Mean teachers: each `student...` of a method's networks followed by its `teacher...`, the moving average."""

import copy

import torch
from torch import nn

from simcvd.networks.ema import AveragedBuffers, update_average


def add_teachers(networks: nn.ModuleDict, buffers: str) -> None:
    """Add a teacher, a copy without gradients, for every network whose name starts with `student`.

    Args:
        networks: a method's networks; `student` is the backbone.
        buffers: `own`, the teacher's batch-norm statistics are those of its own forward passes; `average`, they are
            averages of the student's (then `teacher_buffers` keeps them).
    """
    for name in [name for name in networks if name.startswith("student")]:
        networks[_teacher_of(name)] = copy.deepcopy(networks[name]).requires_grad_(False)
    if buffers == "average":
        networks["teacher_buffers"] = AveragedBuffers(networks["student"])


def update_teachers(networks: nn.ModuleDict, decay: float, *, forwards: bool) -> None:
    """Move every teacher towards its student after a step.

    Args:
        networks: with teachers from `add_teachers`.
        decay: of the moving average, see `simcvd.networks.ema.decay_at`.
        forwards: whether the teacher forwards in training; one that never does takes the student's buffers, since it
            has no statistics of its own.
    """
    for name in [name for name in networks if name.startswith("student")]:
        update_average(networks[_teacher_of(name)], networks[name], decay)
    if "teacher_buffers" in networks:
        averages = networks["teacher_buffers"]
        assert isinstance(averages, AveragedBuffers)
        averages.update(networks["student"], decay)
        averages.copy_to(networks["teacher"])
    elif not forwards:
        _copy_buffers(networks["student"], networks["teacher"])


def _teacher_of(student: str) -> str:
    return student.replace("student", "teacher", 1)


@torch.no_grad()
def _copy_buffers(source: nn.Module, target: nn.Module) -> None:
    for kept, value in zip(target.buffers(), source.buffers(), strict=True):
        kept.copy_(value)

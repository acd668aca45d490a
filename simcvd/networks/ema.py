"""Exponential moving average: the teacher follows the student."""

import torch
from torch import nn


def decay_at(step: int, largest: float) -> float:
    """Return the decay after step t: `min(1 - 1 / (t + 1), largest)`.

    Until `largest` is reached the teacher is the plain mean of all students so far.

    >>> decay_at(0, 0.999), decay_at(3, 0.999), decay_at(5000, 0.999)
    (0.0, 0.75, 0.999)
    """
    return min(1 - 1 / (step + 1), largest)


@torch.no_grad()
def update_average(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Set every teacher parameter to `decay * teacher + (1 - decay) * student`, in place; buffers stay.

    Args:
        teacher: the average.
        student: the trained network, of the same structure.
        decay: see `decay_at`.
    """
    torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 1 - decay)


class AveragedBuffers(nn.Module):
    """Averages of a student's batch-norm buffers, kept apart from the teacher (`ema.buffers = average`).

    The teacher forwards in train mode, and each such pass overwrites its own buffers. So the averages live here, and
    `copy_to` writes them into the teacher after every step and so before any use in eval mode.

    Args:
        network: the student; the averages start at its buffers.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        for name, value in network.named_buffers():
            self.register_buffer(name.replace(".", "/"), value.detach().clone())

    @torch.no_grad()
    def update(self, student: nn.Module, decay: float) -> None:
        """Move the averages to `decay * average + (1 - decay) * student`; integer buffers are copied."""
        for average, (_, value) in zip(self.buffers(), student.named_buffers(), strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)

    @torch.no_grad()
    def copy_to(self, teacher: nn.Module) -> None:
        """Write the averages into the teacher's buffers."""
        for average, buffer in zip(self.buffers(), teacher.buffers(), strict=True):
            buffer.copy_(average)

"""What each worker of a trial gets of a machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """What each worker of a trial gets.

    Attributes:
        workers: processes that share a trial's batches.
        cpus: CPU cores and torch threads of each.
        gpus: GPUs of each; a fraction shares one; 0 computes on the CPU.
    """

    workers: int = 1
    cpus: int = 1
    gpus: float = 0.0

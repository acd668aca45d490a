"""An error that leaves a process without its GPU, whatever it asks of the GPU from then on."""

import socket
import sys
from typing import Final, Self

from simcvd.device_errors import GpuFault, gpu_fault

KIND: Final = "gpu_error"


class GpuError(Exception):
    """The GPU is of no more use to this process.

    Attributes:
        kind: of failure, as recorded.
    """

    kind = KIND

    @classmethod
    def of(cls, fault: GpuFault) -> Self:
        """Say so, with this machine's name."""
        what = "A check on the GPU" if fault.of_trial else "The GPU"
        return cls(f"{what} of node {socket.gethostname()} failed: {fault.words}.")


def fault_of(error: Exception) -> GpuFault | None:
    """Return what broke the GPU for this process: as an error says it, or, where it is vague, as the GPU itself says.

    Libraries report a broken GPU in words of their own, such as CUDNN_STATUS_EXECUTION_FAILED. The GPU is asked where
    this process computes on one alone: with several workers, waiting for it may be waiting for the others.
    """
    fault = gpu_fault(error)
    if fault is not None or not isinstance(error, RuntimeError) or "torch" not in sys.modules:
        return fault
    import torch

    from simcvd.training.distributed import rank_and_workers

    initialized = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if not initialized or rank_and_workers()[1] > 1:
        return None
    try:
        torch.cuda.synchronize()
    except Exception as told:
        return gpu_fault(told)
    return None

"""The device of a trial's process: which one, how much of its memory, and as the next trial expects it."""

import gc

from simcvd.device_errors import GpuFault
from simcvd.gpu_memory import limit_memory
from simcvd.visible_gpus import hide_gpus
from sweeps.trial.gpu_error import GpuError


def trial_device(gpus: float, workers: int) -> str:
    """Return the device that Ray gave to this process, its memory limited to the share that was given.

    Args:
        gpus: GPUs of each worker; a fraction shares one; 0 computes on the CPU.
        workers: processes of the trial.

    Raises:
        GpuError: Ray gave a GPU that torch does not find.
    """
    if not gpus:
        hide_gpus()
        return "cpu"
    import torch

    if (torch.version.cuda or torch.version.hip) and not torch.cuda.is_available():
        # Told apart from a wrong setting, which would fail one trial after the other.
        raise GpuError.of(GpuFault("no CUDA-capable device is detected"))
    device = "cuda"
    if workers > 1:
        from ray.train.torch import get_device

        device = str(get_device())  # the workers of a node see each other's GPUs
        torch.cuda.set_device(device)
    limit_memory(gpus, device)
    return device


def free_memory() -> None:
    """Give back what a trial has left in this process; a GPU that is broken has nothing to give and says so no more."""
    import torch

    gc.collect()
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return
    try:
        torch.cuda.empty_cache()
    except Exception:  # as after an illegal memory access, which is what its trial has told
        return

"""The device of a trial's process: which one, how much of its memory, and as the next trial expects it."""

import gc

from simcvd.device_errors import GpuFault
from simcvd.gpu_memory import limit_memory
from simcvd.visible_gpus import hide_gpus
from sweeps.resources.share import Placement
from sweeps.trial.gpu_error import GpuError
from sweeps.trial.terms import Device


def trial_device(placement: Placement, precision: str | None = None) -> Device:
    """Return the device that Ray gave to this process, its memory limited to the share that was given.

    Args:
        placement: resources of a worker.
        precision: what `training.precision=auto` is for all trials; none asks the device.

    Raises:
        GpuError: Ray gave a GPU that torch does not find.
    """
    if not placement.gpus:
        hide_gpus()
        return Device("cpu", precision, placement.cpus)
    import torch

    if (torch.version.cuda or torch.version.hip) and not torch.cuda.is_available():
        # Told apart from a wrong setting, which would fail one trial after the other.
        raise GpuError.of(GpuFault("no CUDA-capable device is detected"))
    device = "cuda"
    if placement.workers > 1:
        from ray.train.torch import get_device

        device = str(get_device())  # the workers of a node see each other's GPUs
        torch.cuda.set_device(device)
    limit_memory(placement.gpus, device)
    return Device(device, precision, placement.cpus)


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

"""What this machine has, for a prediction without Ray."""

import os

from sweeps.resources.placement import CPU, GPU, place, this_machine
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement


def local_placement(request: ResourceRequest) -> tuple[Placement, int]:
    """Return each worker's resources on this machine, and how many trials fit side by side.

    Raises:
        UserError: no trial fits.
    """
    machine = this_machine()
    if machine is None:
        import torch

        machine = {"Alive": True, "Resources": {CPU: os.cpu_count() or 1, GPU: torch.cuda.device_count()}}
    return place(request, [machine])


def busy_notice(placement: Placement) -> str | None:
    """Say that other programs take the CPUs that trials are measured on, if they take more than a quarter of them."""
    cpus, load = os.cpu_count() or 1, os.getloadavg()[0]
    if placement.gpus or load < cpus / 4:
        return None
    return (
        f"Other programs kept {load:.1f} of this machine's {cpus} CPUs busy in the last minute; if they go on, the "
        "measured times are too long: measure again when they have ended."
    )

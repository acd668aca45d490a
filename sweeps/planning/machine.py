"""What this machine has, for a prediction without Ray."""

from sweeps.preflight import ResourceRequest, place
from sweeps.preflight.placement import CPU, GPU, this_machine
from sweeps.trial import Placement


def local_placement(request: ResourceRequest) -> tuple[Placement, int]:
    """Return each worker's resources on this machine, and how many trials fit side by side.

    Raises:
        UserError: no trial fits.
    """
    machine = this_machine()
    if machine is None:
        import os

        import torch

        machine = {"Alive": True, "Resources": {CPU: os.cpu_count() or 1, GPU: torch.cuda.device_count()}}
    return place(request, [machine])

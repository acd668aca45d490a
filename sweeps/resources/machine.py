"""What this machine has, for a prediction that trains nothing on others."""

import os

from sweeps.resources.placement import CPU, GPU, place, this_machine
from sweeps.resources.ray_session import ray_session, running_ray
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement

NOT_MEASURED = "Times are not predicted: trials get a GPU of the cluster, and this machine has none to measure on."


def measuring_placement(request: ResourceRequest) -> tuple[Placement, int] | None:
    """Return each worker's resources, and how many trials fit side by side: here, or on the Ray that is joined.

    None where trials get a GPU there, and this machine has none to measure on.

    Raises:
        UserError: no trial fits.
    """
    machine = this_machine()
    if machine is None:
        import torch

        machine = {"Alive": True, "Resources": {CPU: os.cpu_count() or 1, GPU: torch.cuda.device_count()}}
    if not running_ray(request.address):
        return place(request, [machine])
    with ray_session(request.address):
        import ray

        placement, slots = place(request, ray.nodes())  # type: ignore[no-untyped-call]
    return None if placement.gpus and not machine["Resources"][GPU] else (placement, slots)


def busy_notice(placement: Placement) -> str | None:
    """Say that other programs take the CPUs that trials are measured on, if they take more than a quarter of them."""
    cpus, load = os.cpu_count() or 1, os.getloadavg()[0]
    if placement.gpus or load < cpus / 4:
        return None
    return (
        f"Other programs kept {load:.1f} of this machine's {cpus} CPUs busy in the last minute; if they go on, the "
        "measured times are too long: measure again when they have ended."
    )

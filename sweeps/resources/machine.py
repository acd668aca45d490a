"""What this machine has, for a prediction that trains nothing on others."""

import os
from dataclasses import dataclass

from simcvd.errors import UserError
from simcvd.host_memory import available_bytes
from sweeps.resources.cores import usable_cores
from sweeps.resources.placement import CPU, GPU, place, this_machine
from sweeps.resources.ray_session import ray_session, running_ray
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement

NOT_MEASURED = "Times are not predicted: trials get a GPU of the cluster, and this machine has none to measure on."


@dataclass(frozen=True)
class Machine:
    """What to measure on, and what trials will have.

    Attributes:
        placement: each worker's resources.
        slots: trials side by side, here or on all nodes of the Ray that is joined.
        own_slots: those of this machine, at least one.
    """

    placement: Placement
    slots: int
    own_slots: int


def measuring_machine(request: ResourceRequest) -> Machine | None:
    """Return what to measure on; none where trials get a GPU of a Ray that is joined, and this machine has none.

    Raises:
        UserError: no trial fits.
    """
    machine = this_machine()
    if machine is None:
        import torch

        machine = {"Alive": True, "Resources": {CPU: usable_cores(), GPU: torch.cuda.device_count()}}
    if not running_ray(request.address):
        placement, slots = place(request, [machine])
        return Machine(placement, slots, slots)
    with ray_session(request.address):
        import ray

        placement, slots = place(request, ray.nodes())  # type: ignore[no-untyped-call]
    if placement.gpus and not machine["Resources"][GPU]:
        return None
    try:
        _, own_slots = place(request, [machine])
    except UserError:  # trials are for other machines; one is measured here all the same
        own_slots = 1
    return Machine(placement, slots, own_slots)


def cpu_bytes(placement: Placement, slots: int) -> int | None:
    """Return the memory that a trial on this machine's CPU has; none for one on a GPU, or where nothing tells it."""
    available = None if placement.gpus else available_bytes()
    return None if available is None else available // max(1, slots)


def busy_notice(placement: Placement) -> str | None:
    """Say that other programs take the CPUs that trials are measured on, if they take more than a quarter of them."""
    cpus, load = os.cpu_count() or 1, os.getloadavg()[0]
    if placement.gpus or load < cpus / 4:
        return None
    return (
        f"Other programs kept {load:.1f} of this machine's {cpus} CPUs busy in the last minute; if they go on, the "
        "measured times are too long: measure again when they have ended."
    )

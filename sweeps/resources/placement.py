"""Which resources a worker gets, and how many trials fit side by side."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from simcvd.errors import UserError
from sweeps.resources.cores import usable_cores
from sweeps.resources.ray_session import ray_is_running, running_ray
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement

CPU, GPU = "CPU", "GPU"
Node = Mapping[str, Any]


def place(request: ResourceRequest, nodes: Sequence[Node]) -> tuple[Placement, int]:
    """Return each worker's resources and how many trials fit side by side.

    What the machines have counts, not what is free now: others of a shared Ray come and go, and Ray lets trials wait.

    Args:
        request: what the user asks for.
        nodes: `ray.nodes()`.

    Raises:
        UserError: one trial does not fit, however long it waits.
    """
    alive = [dict(node["Resources"]) for node in nodes if node["Alive"]]
    gpus_there = sum(node.get(GPU, 0.0) for node in alive)
    if request.device == "cuda" and not gpus_there:
        raise UserError(f"--device is cuda, but there is no GPU on: {_told(alive)}; use --device cpu or auto.")
    on_gpu = gpus_there > 0 and request.device != "cpu"
    placement = Placement(request.workers, request.cpus_per_worker, request.gpus_per_worker if on_gpu else 0.0)
    slots = sum(_slots(node, placement) for node in alive)
    if slots < request.workers:
        each = f"{placement.cpus} CPU" + (f" and {placement.gpus:g} GPU" if on_gpu else "")
        raise UserError(
            f"A trial needs {request.workers} worker(s) of {each}, but there is room for {slots} on: {_told(alive)}; "
            "lower --workers, --cpus-per-worker or --gpus-per-worker."
        )
    fitting = slots // request.workers
    return placement, min(fitting, request.max_concurrent or fitting)


def usable(nodes: Sequence[Node], placement: Placement) -> list[Node]:
    """Return the nodes that a worker can run on."""
    return [node for node in nodes if node["Alive"] and _slots(node["Resources"], placement)]


def check_machine(request: ResourceRequest) -> None:
    """Refuse what can't fit on this machine before a Ray is started on it, which takes seconds.

    Raises:
        UserError: as `place` does.
    """
    if ray_is_running() or running_ray(request.address):
        return
    if machine := this_machine():
        place(request, [machine])


def this_machine() -> Node | None:
    """Return what a Ray started here would call its node; none where this Ray can't be asked before it runs."""
    try:
        from ray._private.resource_and_label_spec import ResourceAndLabelSpec

        found = ResourceAndLabelSpec(num_cpus=usable_cores()).resolve(is_head=True)
        resources = {CPU: float(found.num_cpus or 0), GPU: float(found.num_gpus or 0)}
    except Exception:  # not public: whatever another version of Ray answers, its own node says it again once it runs
        return None
    return {"Alive": True, "NodeID": "", "Resources": resources}


def _slots(node: Mapping[str, float], placement: Placement) -> int:
    slots = math.floor(node.get(CPU, 0.0) / placement.cpus)
    if placement.gpus:
        # Ray gives a worker a share of one GPU, never parts of two.
        slots = min(slots, math.floor(node.get(GPU, 0.0)) * math.floor(1 / placement.gpus + 1e-9))
    return slots


def _told(alive: Sequence[Mapping[str, float]]) -> str:
    kinds = Counter(f"{node.get(CPU, 0):g} CPU, {node.get(GPU, 0):g} GPU" for node in alive)
    return "; ".join(f"{count} nodes of {kind}" if count > 1 else kind for kind, count in kinds.items()) or "no machine"

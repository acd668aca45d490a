"""What can be known to fail before anything starts: settings that don't fit the data, resources that no machine has."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcvd.errors import UserError
from sweeps.expand import TrialSpec
from sweeps.trial import Placement

CPU, GPU = "CPU", "GPU"


@dataclass(frozen=True)
class ResourceRequest:
    """What the user asks for.

    Attributes:
        workers: processes a trial.
        device: `auto` takes GPUs where the machines have them; or `cpu` or `cuda`.
        cpus_per_worker: CPU cores and torch threads of each worker.
        gpus_per_worker: GPUs of each worker; a fraction lets trials share one.
        max_concurrent: most trials side by side; none: as many as fit.
        address: `HOST:PORT` of a running Ray; none starts one on this machine.
    """

    workers: int = 1
    device: str = "auto"
    cpus_per_worker: int = 1
    gpus_per_worker: float = 1.0
    max_concurrent: int | None = None
    address: str | None = None


def check_request(request: ResourceRequest) -> None:
    """Refuse a request that makes no sense on any machine.

    Raises:
        UserError: with the option and what it expects.
    """
    for option, value in (("--workers", request.workers), ("--cpus-per-worker", request.cpus_per_worker)):
        if value < 1:
            raise UserError(f"{option} is {value}, expected 1 or more.")
    if request.max_concurrent is not None and request.max_concurrent < 1:
        raise UserError(f"--max-concurrent is {request.max_concurrent}, expected 1 or more.")
    gpus = request.gpus_per_worker
    if not (0 < gpus <= 1 or (gpus > 1 and float(gpus).is_integer())):
        raise UserError(f"--gpus-per-worker is {gpus:g}, expected a fraction up to 1, such as 0.5.")
    if gpus > 1:
        raise UserError(f"--gpus-per-worker is {gpus:g}, but a worker computes on one GPU; use --workers {gpus:g}.")
    if gpus < 1 and request.workers > 1:
        raise UserError(
            f"--gpus-per-worker {gpus:g} with --workers {request.workers} would put workers of one trial on one GPU, "
            "where they can't talk to each other; give each a whole GPU."
        )
    if request.device not in {"auto", "cpu", "cuda"}:
        raise UserError(f"--device is '{request.device}', expected auto, cpu or cuda; Ray hands out the GPUs.")


def place(request: ResourceRequest, nodes: Sequence[Mapping[str, Any]]) -> tuple[Placement, int]:
    """Return each worker's resources and how many trials fit side by side.

    Args:
        request: what the user asks for.
        nodes: `ray.nodes()`.

    Raises:
        UserError: one trial does not fit, however long it waits.
    """
    alive = [dict(node["Resources"]) for node in nodes if node["Alive"]]
    gpus_there = sum(node.get(GPU, 0.0) for node in alive)
    if request.device == "cuda" and not gpus_there:
        raise UserError("--device is cuda, but no machine of this Ray has a GPU; use --device cpu or auto.")
    on_gpu = gpus_there > 0 and request.device != "cpu"
    placement = Placement(request.workers, request.cpus_per_worker, request.gpus_per_worker if on_gpu else 0.0)
    slots = sum(_slots(node, placement) for node in alive)
    if slots < request.workers:
        each = f"{placement.cpus} CPU" + (f" and {placement.gpus:g} GPU" if on_gpu else "")
        largest = "; ".join(f"{node.get(CPU, 0):g} CPU, {node.get(GPU, 0):g} GPU" for node in alive) or "no machine"
        raise UserError(
            f"A trial needs {request.workers} worker(s) of {each}, but there is room for {slots} on: {largest}; "
            "lower --workers, --cpus-per-worker or --gpus-per-worker."
        )
    fitting = slots // request.workers
    return placement, min(fitting, request.max_concurrent or fitting)


def check_trials(dataset: Path, trials: Sequence[TrialSpec], workers: int) -> None:
    """Refuse trials that would end at once (unknown method, too few labels, batch that can't be shared) or are equal.

    Raises:
        UserError: the first problem found.
    """
    from simcvd.config import apply_settings, config_hash
    from simcvd.config.batch import check_batch
    from simcvd.data.store import open_training
    from simcvd.methods.registry import check_known

    for config in {trial.config.model_copy(update={"seed": 0}) for trial in trials}:
        check_known(config.method)
        check_batch(config, workers)
    choices = {(trial.config.data.labeled, trial.config.data.label_split) for trial in trials}
    views = {choice: open_training(dataset, *choice) for choice in choices}
    first: dict[tuple[str, tuple[str, ...]], TrialSpec] = {}
    for trial in trials if len(views) > 1 else ():
        data = trial.config.data
        ids = tuple(case.id for case in views[data.labeled, data.label_split].labeled)
        bare = apply_settings(trial.config, {"data.labeled": None, "data.label_split": None})
        other = first.setdefault((config_hash(bare, ""), ids), trial)
        if other.variant != trial.variant:
            raise UserError(
                f"The variants '{other.variant}' and '{trial.variant}' are one trial on this data set: both have the "
                f"same {len(ids)} labelled cases; change data.labeled, or drop one."
            )


def _slots(node: Mapping[str, float], placement: Placement) -> int:
    slots = math.floor(node.get(CPU, 0.0) / placement.cpus)
    if placement.gpus:
        # Ray gives a worker a share of one GPU, never parts of two.
        slots = min(slots, math.floor(node.get(GPU, 0.0)) * math.floor(1 / placement.gpus + 1e-9))
    return slots

"""The processes that a trial's loop runs in: the one that Tune gave, a group of workers, or one on another node."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final, TypeVar

from simcvd.errors import UserError
from sweeps.resources.placement import place
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement

Answer = TypeVar("Answer")

_NODE_LABEL: Final = "ray.io/node-id"
_LOOK_S: Final = 1.0
_NO_RETRIES: Final[dict[str, Any]] = {"max_failures": 0, "controller_failure_limit": 0}  # Tune retries, not the group


def torch_trainer(
    loop: Callable[[], Any], name: str, scratch: Path, placement: Placement, avoid: Collection[str]
) -> Any:
    """Return Ray Train's `TorchTrainer` around a trial's loop.

    Args:
        loop: what each worker does.
        name: the trial's id.
        scratch: folder of the command.
        placement: of the workers; one alone runs in this process, which serves one trial after the other.
        avoid: ids of nodes that no worker of a group is put on.
    """
    from ray import train
    from ray.train.torch import TorchTrainer

    group = placement.workers > 1
    resources = {"CPU": float(placement.cpus)} | ({"GPU": placement.gpus} if placement.gpus else {})
    where: dict[str, Any] = {"label_selector": _not_on(avoid)} if group and avoid else {}
    return TorchTrainer(
        loop,
        scaling_config=train.ScalingConfig(
            num_workers=placement.workers if group else 0,
            use_gpu=group and placement.gpus > 0,
            resources_per_worker=resources if group else None,
            **where,
        ),
        run_config=train.RunConfig(
            name=name, storage_path=str(scratch / "groups"), failure_config=train.FailureConfig(**_NO_RETRIES)
        ),
    )


def room_without(avoid: Collection[str], placement: Placement) -> bool:
    """Tell whether a trial fits on the nodes that are there but for some, however long it may have to wait for them."""
    import ray

    request = ResourceRequest(
        workers=placement.workers,
        device="cuda" if placement.gpus else "cpu",
        cpus_per_worker=placement.cpus,
        gpus_per_worker=placement.gpus or 1.0,
    )
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    try:
        place(request, [node for node in nodes if node["NodeID"] not in avoid])
    except UserError:
        return False
    return True


class _Process:
    """A process on a node that Ray chooses; it serves one trial."""

    def ready(self) -> bool:
        return True

    def run(self, work: Callable[[], Answer]) -> Answer:
        return work()


def on_other_node(
    work: Callable[[], Answer], placement: Placement, avoid: Collection[str], asked: Callable[[], bool]
) -> Answer | None:
    """Run something in a new process on another node, and wait for it here.

    So Ray sees this node's slot as taken and sends nothing more here, while the trial waits for a slot elsewhere
    like any other.

    Args:
        work: what to run; it hears itself when it is to stop.
        placement: of its one worker.
        avoid: ids of the nodes not to run on.
        asked: whether to stop, which ends the wait for a slot; the answer is none then.
    """
    import ray

    options: dict[str, Any] = {
        "num_cpus": placement.cpus,
        "num_gpus": placement.gpus,
        "label_selector": _not_on(avoid),
        "scheduling_strategy": "DEFAULT",
    }
    process: Any = ray.remote(num_cpus=0)(_Process).options(**options).remote()
    try:
        ready = process.ready.remote()
        while not ray.wait([ready], timeout=_LOOK_S)[0]:
            if asked():
                return None
        answer: Answer = ray.get(process.run.remote(work))
        return answer
    finally:
        ray.kill(process)


def _not_on(nodes: Collection[str]) -> dict[str, str]:
    return {_NODE_LABEL: f"!in({','.join(sorted(nodes))})"}

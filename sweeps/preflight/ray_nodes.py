"""Ask the nodes of a running Ray, all at once."""

import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from simcvd.errors import UserError
from sweeps.preflight.gpu import TOTAL_S, GpuReport, GpuTask, ask_gpus
from sweeps.preflight.node import NodeReport, NodeTask, examine
from sweeps.resources.nodes import this_node
from sweeps.resources.placement import Node

ANSWER_S = 60.0
"""A healthy node answers in a few seconds, most of which its Python takes to start and to import torch; over a network
that takes much longer the first time."""

OWN = "Ray on this machine"
"""Trials run in its processes, whose environment may not be this command's."""

Answer = TypeVar("Answer")

_GPUS_AS_THEY_ARE = {"env_vars": {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}}
"""Lets a task that takes no GPU see its node's, within the CUDA_VISIBLE_DEVICES that Ray was started with there.

To take the GPUs would be surer, but on a shared Ray they may be busy for days, and a look needs little of them. Ray
2.60 leaves that variable alone where a task takes no GPU, unless it was started with 1 for this name. An environment of
its own also means a process of its own, in which no trial's choice of GPU is left.
"""


def own_node(nodes: Sequence[Node]) -> dict[str, str]:
    """Return id and name of this process's own node, where it is among them.

    Args:
        nodes: `ray.nodes()` or some of them.
    """
    own = this_node()
    return {str(node["NodeID"]): OWN for node in nodes if node["NodeID"] == own}


def other_nodes(nodes: Sequence[Node]) -> dict[str, str]:
    """Return id and name of the nodes that are not this process's own.

    Args:
        nodes: `ray.nodes()` or some of them.
    """
    own = this_node()
    others = [node for node in nodes if node["NodeID"] != own]
    names = {str(node["NodeID"]): _name(node) for node in others}
    often = Counter([*names.values(), _name({"NodeManagerHostname": socket.gethostname()})])
    return {key: f"{name}, Ray's node {key[:8]}" if often[name] > 1 else name for key, name in names.items()}


def ask(task: NodeTask, nodes: Mapping[str, str]) -> Callable[[], dict[str, NodeReport]]:
    """Start the checks on nodes and return what waits for their reports, by name.

    Args:
        task: what to look at; each node replies in a file called as its id.
        nodes: id and name of each.

    Returns:
        A function that raises `UserError` with the node that does not answer or can't run the checks.
    """
    return _ask(examine, {node_id: (task, node_id) for node_id in nodes}, nodes, ANSWER_S)


def ask_for_gpus(task: GpuTask, nodes: Mapping[str, str]) -> Callable[[], dict[str, GpuReport]]:
    """Start to try the GPUs of nodes and return what waits for the reports, as `ask` does."""
    return _ask(ask_gpus, dict.fromkeys(nodes, (task,)), nodes, ANSWER_S + TOTAL_S, runtime_env=_GPUS_AS_THEY_ARE)


def _ask(
    function: Callable[..., Answer],
    given: Mapping[str, tuple[Any, ...]],
    nodes: Mapping[str, str],
    answer_s: float,
    **options: Any,
) -> Callable[[], dict[str, Answer]]:
    """Call `function` on each node without a share of its resources."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote: Any = ray.remote(num_cpus=0, max_retries=0, **options)(function)
    asked = {
        remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False)).remote(
            *given[node_id]
        ): name
        for node_id, name in nodes.items()
    }

    def reports() -> dict[str, Answer]:
        _, silent = ray.wait(list(asked), num_returns=len(asked), timeout=answer_s)
        if silent:
            for reference in silent:
                ray.cancel(reference, force=True)
            raise UserError(silent_sentence([asked[reference] for reference in silent], answer_s))
        return {name: _report(reference, name) for reference, name in asked.items()}

    return reports


def silent_sentence(names: Sequence[str], answer_s: float = ANSWER_S) -> str:
    """Say which nodes do not answer."""
    told = " and ".join(names)
    return (
        f"{told[0].upper()}{told[1:]} did not answer within {answer_s:.0f} s, expected a few; see that the machine is "
        "up and its storage does not hang, or take it out of this Ray."
    )


def unable_sentence(name: str, reason: str) -> str:
    """Say that a node can't run the checks."""
    return (
        f"{name[0].upper()}{name[1:]} can't run simcvd ({' '.join(reason.split())[:200]}); "
        "install there what this machine has."
    )


def short_of_memory_sentence(name: str, reason: str) -> str:
    """Say that Ray ended the checks of a node for want of memory."""
    return (
        f"{name[0].upper()}{name[1:]} has too little free memory: Ray ended the checks there "
        f"({' '.join(reason.split())[:200]}); end other programs, or take the machine out of this Ray."
    )


def _report(reference: Any, name: str) -> Any:
    import ray
    from ray.exceptions import OutOfMemoryError, RayError

    try:
        return ray.get(reference)
    except OutOfMemoryError as error:
        raise UserError(short_of_memory_sentence(name, str(error))) from error
    except (RayError, ImportError, AttributeError) as error:
        last = [line for line in str(error).splitlines() if line.strip()][-1:]
        raise UserError(unable_sentence(name, last[0] if last else type(error).__name__)) from error


def _name(node: Mapping[str, Any]) -> str:
    host, address = node.get("NodeManagerHostname"), node.get("NodeManagerAddress")
    return f"node {host} ({address})" if address else f"node {host}"

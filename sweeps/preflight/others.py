"""Ask the nodes of a running Ray, all at once."""

import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simcvd.errors import UserError
from sweeps.preflight.node import NodeReport, NodeTask, examine
from sweeps.preflight.placement import Node

ANSWER_S = 30.0
"""A healthy node answers in a few seconds, most of which its Python takes to start."""

OWN = "Ray on this machine"
"""Trials run in its processes, whose environment may not be this command's."""


def own_node(nodes: Sequence[Node]) -> dict[str, str]:
    """Return id and name of this process's own node, where it is among them.

    Args:
        nodes: `ray.nodes()` or some of them.
    """
    import ray

    own = ray.get_runtime_context().get_node_id()
    return {str(node["NodeID"]): OWN for node in nodes if node["NodeID"] == own}


def other_nodes(nodes: Sequence[Node]) -> dict[str, str]:
    """Return id and name of the nodes that are not this process's own.

    Args:
        nodes: `ray.nodes()` or some of them.
    """
    import ray

    own = ray.get_runtime_context().get_node_id()
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
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote: Any = ray.remote(num_cpus=0, max_retries=0)(examine)
    asked = {
        remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False)).remote(
            task, node_id
        ): name
        for node_id, name in nodes.items()
    }

    def reports() -> dict[str, NodeReport]:
        _, silent = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S)
        if silent:
            for reference in silent:
                ray.cancel(reference, force=True)
            raise UserError(silent_sentence([asked[reference] for reference in silent]))
        return {name: _report(reference, name) for reference, name in asked.items()}

    return reports


def silent_sentence(names: Sequence[str]) -> str:
    """Say which nodes do not answer."""
    told = " and ".join(names)
    return (
        f"{told[0].upper()}{told[1:]} did not answer within {ANSWER_S:.0f} s, expected a few; see that the machine is "
        "up and its storage does not hang, or take it out of this Ray."
    )


def unable_sentence(name: str, reason: str) -> str:
    """Say that a node can't run the checks."""
    return (
        f"{name[0].upper()}{name[1:]} can't run simcvd ({' '.join(reason.split())[:200]}); "
        "install there what this machine has."
    )


def _report(reference: Any, name: str) -> NodeReport:
    import ray
    from ray.exceptions import RayError

    try:
        report: NodeReport = ray.get(reference)
    except (RayError, ImportError, AttributeError) as error:
        last = [line for line in str(error).splitlines() if line.strip()][-1:]
        raise UserError(unable_sentence(name, last[0] if last else type(error).__name__)) from error
    return report


def _name(node: Mapping[str, Any]) -> str:
    host, address = node.get("NodeManagerHostname"), node.get("NodeManagerAddress")
    return f"node {host} ({address})" if address else f"node {host}"

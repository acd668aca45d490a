"""What a cluster has and runs, and the way to end its sweeps."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from simcvd.errors import UserError
from sweeps.cluster.bring_up import connected
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.job import STOP_WAIT_S, Jobs, sweep_key
from sweeps.cluster.launch import expected_nodes

_POLL_S: Final = 1.0


@dataclass(frozen=True)
class Overview:
    """A cluster at one moment.

    Attributes:
        name: the cluster's name.
        nodes: `address`, `host`, `head`, `cpus`, `gpus` and `memory_gb` of each node that is alive.
        expected: how many nodes there should be.
        sweeps: names of the sweeps that run.
    """

    name: str
    nodes: tuple[Mapping[str, Any], ...]
    expected: int
    sweeps: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "name": self.name,
            "nodes": [dict(node) for node in self.nodes],
            "expected": self.expected,
            "sweeps": list(self.sweeps),
        }

    def rows(self) -> list[list[Any]]:
        """Return a table with its heading."""
        heading: list[list[Any]] = [["address", "host", "role", "CPU", "GPU", "memory"]]
        return heading + [
            [
                node["address"],
                node["host"],
                "head" if node["head"] else "worker",
                f"{node['cpus']:g}",
                f"{node['gpus']:g}",
                f"{node['memory_gb']:.0f} GB",
            ]
            for node in self.nodes
        ]

    def sentences(self) -> list[str]:
        """Return what else is to be said."""
        there = f"{len(self.nodes)} of {self.expected} hosts are up"
        runs = f"runs {', '.join(self.sweeps)}" if self.sweeps else "no sweep runs"
        return [f"{self.name}: {there}, {runs}."]


def look(cluster: ClusterFile) -> Overview:
    """Ask a cluster what it has and runs; one that is down has no nodes.

    Raises:
        UserError: its head can't be reached, or its Ray has another token.
    """
    with connected(cluster) as found:
        if found is None:
            return Overview(cluster.name, (), expected_nodes(cluster), ())
        jobs = Jobs(found[1])
        nodes = sorted((_node(each) for each in jobs.nodes()), key=lambda node: (not node["head"], node["address"]))
        return Overview(cluster.name, tuple(nodes), expected_nodes(cluster), tuple(map(_sweep_name, jobs.running())))


def stop_sweep(cluster: ClusterFile, name: str) -> None:
    """End a sweep; its trials write a checkpoint first.

    Raises:
        UserError: it does not run there.
    """
    if name not in stop_sweeps(cluster, name):
        raise UserError(f"The sweep {name} does not run on {cluster.name}.")


def stop_sweeps(cluster: ClusterFile, only: str | None = None) -> list[str]:
    """End the sweeps of a cluster, or one of them, and return their names."""
    with connected(cluster) as found:
        if found is None:
            return []
        jobs = Jobs(found[1])
        keys = [
            key for key in jobs.running() if only is None or key == sweep_key(only, (cluster.runs or "").rstrip("/"))
        ]
        running = [job for key in keys if (job := jobs.find(key)) is not None]
        for job in running:
            jobs.stop(job)
        until = time.monotonic() + STOP_WAIT_S + 10
        while any((now := jobs.look(job)) is not None and now.running for job in running):
            if time.monotonic() > until:
                raise UserError(f"A sweep on {cluster.name} did not end within {STOP_WAIT_S} s; try again.")
            time.sleep(_POLL_S)
        return [_sweep_name(key) for key in keys]


def _sweep_name(key: str) -> str:
    return key.rpartition("/")[2]


def _node(state: Mapping[str, Any]) -> dict[str, Any]:
    resources = state.get("resources_total") or {}
    return {
        "address": state.get("node_ip"),
        "host": state.get("node_name"),
        "head": bool(state.get("is_head_node")),
        "cpus": float(resources.get("CPU", 0)),
        "gpus": float(resources.get("GPU", 0)),
        "memory_gb": float(resources.get("memory", 0)) / 1e9,
    }

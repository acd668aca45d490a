"""Whether what a node computes on is what trials need, where it joined after the preflight had looked at the others."""

import functools
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from simcvd.errors import UserError
from sweeps.preflight.gpu import GpuReport, GpuTask, ask_gpus
from sweeps.preflight.gpu_verdict import alike, judge_gpus
from sweeps.preflight.precision import Hindrance, PrecisionName, of_gpus, of_processors
from sweeps.resources.late_nodes import UnfitNodeError
from sweeps.resources.versions import differences


@dataclass(frozen=True)
class Newcomers:
    """What nodes must be that join later.

    Attributes:
        seen: ids of the nodes that the preflight has looked at.
        torch: its version.
        precision: what all trials run in that leave it open.
        gpus: what to ask their GPUs; none where trials compute on the CPU.
        alike: versions of what decides numbers on a GPU.
    """

    seen: frozenset[str]
    torch: str
    precision: PrecisionName | None
    gpus: GpuTask | None = None
    alike: tuple[tuple[str, str], ...] = ()


def check_newcomer(expected: Newcomers | None, node_id: str) -> None:
    """Refuse this node where trials would fail on it or would compute other numbers there.

    Args:
        expected: what it must be; none where no node can join.
        node_id: this node.

    Raises:
        UnfitNodeError: with the node and what it lacks.
    """
    if expected is None or node_id in expected.seen:
        return
    node = f"node {socket.gethostname()}"
    advice = "take it out of this Ray or set it right, then run the same command again"
    if expected.gpus is None:
        hindrances = of_processors({node: _fast_bfloat16()}) if expected.precision == "bfloat16" else {}
    else:
        report = _gpus(expected.gpus)
        try:
            judge_gpus({node: report}, expected.torch, {})
        except UserError as error:
            raise UnfitNodeError(f"Node {socket.gethostname()} joined, but is no use: {error}") from error
        if differing := differences(alike(report), dict(expected.alike)):
            there, here = differing
            raise UnfitNodeError(f"Node {socket.gethostname()} joined with {there}, but others have {here}; {advice}.")
        hindrances = of_gpus({node: report}) if expected.precision == "bfloat16" else {}
    if lack := _certain(hindrances):
        raise UnfitNodeError(
            f"Node {socket.gethostname()} joined, but this sweep runs in bfloat16, and {lack.what}; {advice}."
        )


def _certain(hindrances: Mapping[str, Hindrance | None]) -> Hindrance | None:
    return next((found for found in hindrances.values() if found is not None and found.kind != "unknown"), None)


def _fast_bfloat16() -> bool:
    import torch

    from simcvd.training.precision import has_fast_bfloat16

    return has_fast_bfloat16(torch.device("cpu"))


@functools.cache
def _gpus(task: GpuTask) -> GpuReport:
    """Look once in a process, which serves one trial after the other."""
    return ask_gpus(task)

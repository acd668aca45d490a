"""On a spot instance: hear of its end from the cloud, and drain its node of Ray, so that trials go on elsewhere.

    python -m sweeps.cluster.preemption aws|gcp     wait for the notice while Ray runs on this machine
    python -m sweeps.cluster.preemption now         the notice came otherwise, as to a preStop hook of Kubernetes

A trial on a node that is drained writes a checkpoint and is started again on another one.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from sweeps.cluster.preemption.metadata import ASK_AGAIN_S, AWS_NOTICE_S, Aws, Gcp, Metadata, Notice

_TRY_AGAIN_S: Final = 1.0
_REASON: Final = "DRAIN_NODE_REASON_PREEMPTION"
_AUTHENTICATION: Final = "RAY_AUTH_"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class LocalNode:
    """A node of Ray on this machine.

    Attributes:
        id: its id in Ray.
        head: the address of the head, `HOST:PORT`.
        is_head: whether it is the head itself.
        environment: what its process was started with.
    """

    id: str
    head: str
    is_head: bool
    environment: dict[str, str]


def local_nodes(processes: Path = Path("/proc")) -> list[LocalNode]:
    """Return the nodes of Ray that run on this machine under this user.

    Args:
        processes: where the system shows them.
    """
    found = []
    for process in processes.glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() != "raylet" or process.stat().st_uid != os.getuid():
                continue
            arguments = _entries(process / "cmdline")
            environment = _entries(process / "environ")
        except OSError:  # it has just ended, or it is not ours
            continue
        if "--node_id" in arguments and "--gcs-address" in arguments:
            is_head = "--head" in arguments
            found.append(LocalNode(arguments["--node_id"], arguments["--gcs-address"], is_head, environment))
    return sorted(found, key=lambda node: node.id)


def _entries(path: Path) -> dict[str, str]:
    """Return the `KEY=VALUE` entries of a file of the system, as a command line or an environment."""
    parts = (part.partition("=") for part in path.read_bytes().decode(errors="replace").split("\0") if part)
    return {key: value for key, _, value in parts}


def wait_for_notice(cloud: Metadata, tell: Tell, *, again_s: float = ASK_AGAIN_S) -> Notice | None:
    """Ask until there is a notice; return None when Ray has ended on this machine.

    Args:
        cloud: who knows.
        tell: gets sentences for the log.
        again_s: pause between two questions.
    """
    answers = True
    while local_nodes():
        try:
            notice = cloud.ask()
        except (OSError, HTTPException) as error:
            if answers:
                tell(f"The metadata service does not answer ({error}); asking on.")
            answers, notice = False, None
        else:
            if not answers:
                tell("The metadata service answers.")
            answers = True
        if notice is not None:
            return notice
        time.sleep(again_s)
    return None


def drain(notice: Notice, tell: Tell) -> None:
    """Drain this machine's nodes of Ray; returns when Ray knows.

    Args:
        notice: why and by when.
        tell: gets sentences for the log.

    Raises:
        UserError: this is the head, or Ray refuses until the time is over.
    """
    until = time.time() + max(notice.left_s, _TRY_AGAIN_S)
    tell(f"{notice.told}; {max(notice.left_s, 0):.0f} s are left.")
    for node in local_nodes():
        if node.is_head:
            raise UserError(
                "This machine is the head of its Ray, which can't be drained: the sweep ends with it and goes on when "
                "the same command is run again. Let the head be an on-demand instance."
            )
        while (refused := _drain(node, notice.told, until)) is not None:
            if time.time() > until:
                raise UserError(f"Ray did not drain the node {node.id}: {refused.rstrip('.')}.")
            tell(f"Ray did not drain the node {node.id} ({refused}); trying again.")
            time.sleep(_TRY_AGAIN_S)
        tell(f"Ray drains the node {node.id}; its trials write checkpoints and go on elsewhere.")


def _drain(node: LocalNode, why: str, until: float) -> str | None:
    """Tell the head that a node goes away; return why that failed, or none."""
    _authenticate_as(node)
    # What `ray drain-node` uses, which would start a driver to learn the node's id.
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # compiled
    from ray.core.generated import autoscaler_pb2

    try:
        reason = autoscaler_pb2.DrainNodeReason.Value(_REASON)  # type: ignore[attr-defined]  # made when it is imported
        accepted, refused = GcsClient(address=node.head).drain_node(node.id, reason, why, int(until * 1000))
    except Exception as error:  # the head is away or another token is asked for; Ray has many classes for it
        return " ".join(str(error).split())[:200] or type(error).__name__
    return None if accepted else str(refused) or "no reason given"


def _authenticate_as(node: LocalNode) -> None:
    """Let this process find the token as the node does, whoever has started it; Ray reads how when it is imported."""
    os.environ.update({key: value for key, value in node.environment.items() if key.startswith(_AUTHENTICATION)})


def wait_until_left(until: float) -> bool:
    """Wait for Ray to end on this machine, which it does when the trials of a drained node have left.

    Args:
        until: longest, in seconds since the epoch.
    """
    while there := bool(local_nodes()):
        if time.time() > until:
            break
        time.sleep(_TRY_AGAIN_S)
    return not there


def command_line() -> argparse.ArgumentParser:
    """Return what reads the command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m sweeps.cluster.preemption", description="Drain a spot instance.")
    parser.add_argument("notice", choices=["aws", "gcp", "now"], help="who tells of this machine's end")
    parser.add_argument(
        "--within", type=float, default=AWS_NOTICE_S, metavar="SECONDS", help="with now: the time that is left"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = command_line().parse_args(arguments)
    try:
        return _run(options.notice, options.within)
    except UserError as error:
        _tell(str(error))
        return 2
    except KeyboardInterrupt:
        return 130


def _run(who: str, within_s: float) -> int:
    nodes = local_nodes()
    if not nodes:
        raise UserError("Ray does not run on this machine under this user; run this after ray start.")
    if who == "now":
        until = time.time() + within_s
        drain(Notice("This machine is about to go", within_s), _tell)
        if not wait_until_left(until):
            _tell("The time is over, and Ray still runs here.")
        return 0
    _authenticate_as(nodes[0])
    import ray  # noqa: F401  # seconds that a notice may not leave

    _tell(f"Waiting for a notice from {who}.")
    notice = wait_for_notice(Aws() if who == "aws" else Gcp(), _tell)
    if notice is None:
        _tell("Ray has ended on this machine.")
    else:
        drain(notice, _tell)
    return 0


def _tell(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ} {text}", file=sys.stderr, flush=True)

"""Whether a trial was lost with its node, which is bad luck, or by itself, which would come again.

Nodes come and go where they are spot instances. A trial whose process is killed while its node stays is given up after
a few times; one whose nodes went away is not.
"""

import json
import os
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

from sweeps.storage.lease import CUT_OFF_STATUS

FOLDER: Final = "attempts"
LOOK_S: Final = 3.0
"""How often a trial asks whether its node is about to go."""

CUT_OFF_S: Final = 30.0
"""Ray declares a silent host lost after some seconds, a minute by default."""


class NodeLeavingError(Exception):
    """The node is about to go; the trial has written a checkpoint and goes on elsewhere."""


def note_attempt(scratch: Path, trial_id: str, nodes: Collection[str]) -> None:
    """Note that a trial begins.

    Args:
        scratch: folder of this command.
        trial_id: the trial's id.
        nodes: what it runs on, or may run on.
    """
    path = scratch / FOLDER / f"{trial_id}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(sorted(nodes)) + "\n")


class Attempts(NamedTuple):
    """How often a trial began.

    Attributes:
        begun: how often.
        own_losses: how often it ended although all its nodes stayed, which is no bad luck.
    """

    begun: int
    own_losses: int


def attempts_of(scratch: Path, trial_id: str, alive: Collection[str]) -> Attempts:
    """Return how often a lost trial began, and how often it was lost by itself.

    Args:
        scratch: folder of this command.
        trial_id: the trial's id.
        alive: nodes that are there and stay.
    """
    try:
        lines = (scratch / FOLDER / f"{trial_id}.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return Attempts(0, 0)
    return Attempts(len(lines), sum(set(json.loads(line)) <= set(alive) for line in lines))


def alive_nodes() -> set[str]:
    """Return the ids of the nodes of this Ray that are there and stay."""
    import ray

    nodes = {str(node["NodeID"]) for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]
    return nodes - leaving_nodes()


def this_node() -> str:
    """Return the id of the node that this process runs on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def leaving_nodes() -> set[str]:
    """Return the ids of the nodes that are being drained, as after the notice of a spot instance's end."""
    from ray._private.state import state  # what Ray Train's own watcher of preemptions asks

    return set(state.get_draining_nodes())


class Lifeline:
    """Ask the head again and again, beside a trial, while the `with` block lasts.

    A host that is cut off goes on computing, and holds the trial's lock, while another one is to take the trial over.
    So this process ends itself when the head gives no answer for a while; the head has given up on it by then.
    """

    def __init__(self) -> None:
        self._node = this_node()
        self._leaving = False
        self._answered = time.monotonic()
        self._end = threading.Event()

    def __enter__(self) -> Self:
        self._answered = time.monotonic()
        for work in (self._ask, self._watch):
            threading.Thread(target=work, name="lifeline", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()

    @property
    def leaving(self) -> bool:
        """Whether this process's node is about to go, as after the notice of a spot instance's end."""
        return self._leaving

    def _ask(self) -> None:
        while not self._end.wait(LOOK_S):
            with suppress(Exception):  # no answer, whatever Ray makes of it
                self._leaving |= self._node in leaving_nodes()
                self._answered = time.monotonic()

    def _watch(self) -> None:
        while not self._end.wait(1):
            if time.monotonic() - self._answered > CUT_OFF_S:
                os._exit(CUT_OFF_STATUS)  # what the trial has not yet recorded is done again elsewhere

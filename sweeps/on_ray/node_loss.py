"""Whether a trial was lost with its node, which is bad luck, or by itself, which would come again.

Nodes come and go where they are spot instances. A trial whose process is killed while its node stays is given up after
a few times; one whose nodes went away is not.
"""

import os
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final, NamedTuple, Self

from sweeps.channel.folder_channel import FolderChannel
from sweeps.resources.late_nodes import unfit
from sweeps.resources.nodes import leaving_nodes, this_node
from sweeps.storage.lease import CUT_OFF_STATUS

LOST_WORKER_RETRIES: Final = 2
LOOK_S: Final = 3.0
"""How often a trial asks whether its node is about to go."""

CUT_OFF_S: Final = 30.0
"""Ray declares a silent host lost after some seconds, a minute by default."""


class NodeLeavingError(Exception):
    """The node is about to go; the trial has written a checkpoint and goes on elsewhere."""


class Attempts(NamedTuple):
    """How often a trial began.

    Attributes:
        begun: how often.
        own_losses: how often it ended although all its nodes stayed, which is no bad luck.
    """

    begun: int
    own_losses: int


def attempts_of(channel: FolderChannel, trial_id: str, alive: Collection[str]) -> Attempts:
    """Return how often a lost trial began, and how often it was lost by itself.

    Args:
        channel: the command's own.
        trial_id: the trial's id.
        alive: nodes that are there and stay.
    """
    nodes = channel.attempts(trial_id)
    return Attempts(len(nodes), sum(each <= set(alive) for each in nodes))


def unlucky(
    lost: Mapping[str, str], channel: FolderChannel, alive: Collection[str], noted: dict[str, int]
) -> list[str]:
    """Return the lost trials that were not lost by themselves too often, and got as far as to begin.

    Args:
        lost: reasons by trial.
        channel: the command's own.
        alive: nodes that are there and stay.
        noted: attempts of each trial that were known before; filled.
    """
    if unfit(lost.values()):
        return []
    again = []
    for trial_id in lost:
        attempts = attempts_of(channel, trial_id, alive)
        if attempts.begun > noted.get(trial_id, 0) and attempts.own_losses <= LOST_WORKER_RETRIES:
            again.append(trial_id)
        noted[trial_id] = attempts.begun
    return again


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

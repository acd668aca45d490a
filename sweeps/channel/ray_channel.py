"""What trials and their command tell each other where no folder is shared: a small actor on the command's node.

Both are in one Ray, so this costs no request to the store, arrives within a second and leaves nothing behind.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from sweeps.on_ray.attempts import note_attempt, this_node
from sweeps.on_ray.gpu_failures import GpuFailure, failed_nodes, note_gpu_failure
from sweeps.on_ray.stopping import NOTICES_FILE, Notices, StopReason, request_stop, stop_reason
from sweeps.storage.repeating import repeating

_ANSWER_S: Final = 10.0
_EVERY_S: Final = 1.0


class News(NamedTuple):
    """What was said since the command last asked.

    Attributes:
        reason: why trials are to stop, or none.
        sentences: for the user.
        attempts: trials that began, and on which nodes.
        gpu_failures: the fields of each.
    """

    reason: str | None
    sentences: list[str]
    attempts: list[tuple[str, list[str]]]
    gpu_failures: list[dict[str, Any]]


class Board:
    """Holds what was said until the command fetches it; lives in a process of its own."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._sentences: list[str] = []
        self._attempts: list[tuple[str, list[str]]] = []
        self._gpu_failures: list[dict[str, Any]] = []
        self._known_failures = 0

    def reason(self) -> str | None:
        """Return why trials are to stop, or none."""
        return self._reason

    def request_stop(self, reason: str) -> None:
        """Ask all trials to stop; the first reason stays."""
        self._reason = self._reason or reason

    def tell(self, sentence: str) -> None:
        """Keep a sentence for the command."""
        self._sentences.append(sentence)

    def attempt(self, trial_id: str, nodes: list[str]) -> None:
        """Keep for the command that a trial begins."""
        self._attempts.append((trial_id, nodes))

    def gpu_failure(self, failure: dict[str, Any]) -> None:
        """Keep that a GPU failed, for the command and for trials that ask."""
        self._gpu_failures.append(failure)

    def gpu_failures(self) -> list[dict[str, Any]]:
        """Return the fields of all failures."""
        return self._gpu_failures

    def fetch(self) -> News:
        """Return the reason, and what else was said since the last call."""
        news = News(self._reason, self._sentences, self._attempts, self._gpu_failures[self._known_failures :])
        self._sentences, self._attempts = [], []
        self._known_failures = len(self._gpu_failures)
        return news


@dataclass(frozen=True)
class BoardChannel:
    """A `sweeps.on_ray.channel.Channel` by way of the board.

    Attributes:
        board: the actor.
    """

    board: Any

    def stop_reason(self) -> StopReason | None:
        """Return why trials are to stop, or none; none as well where the board does not answer."""
        import ray

        with suppress(Exception):  # no answer, whatever Ray makes of it; the lifeline ends a trial that is cut off
            reason = ray.get(self.board.reason.remote(), timeout=_ANSWER_S)
            return None if reason is None else StopReason(reason)
        return None

    def request_stop(self, reason: StopReason) -> None:
        """Ask all trials of the command to stop."""
        self.board.request_stop.remote(str(reason))

    def tell(self, sentence: str) -> None:
        """Hand on a sentence for the user."""
        self.board.tell.remote(sentence)

    def note_attempt(self, trial_id: str, nodes: Collection[str]) -> None:
        """Note that a trial begins; waits until that is known, since its process may be lost next."""
        import ray

        with suppress(Exception):
            ray.get(self.board.attempt.remote(trial_id, sorted(nodes)), timeout=_ANSWER_S)

    def note_gpu_failure(self, failure: GpuFailure) -> None:
        """Note that a GPU failed; waits until that is known, since this process ends next."""
        import ray

        with suppress(Exception):
            ray.get(self.board.gpu_failure.remote(asdict(failure)), timeout=_ANSWER_S)

    def failed_nodes(self) -> frozenset[str]:
        """Return the ids of the nodes whose GPU failed too often; none where the board does not answer."""
        import ray

        with suppress(Exception):
            failures = ray.get(self.board.gpu_failures.remote(), timeout=_ANSWER_S)
            return frozenset(failed_nodes([GpuFailure(**failure) for failure in failures]))
        return frozenset()


class Bridge:
    """A board on this node, and what keeps it and a command's scratch folder alike.

    Args:
        scratch: folder of this command, which no trial sees.

    Attributes:
        channel: for the trials.
    """

    def __init__(self, scratch: Path) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(this_node(), soft=False)
        self.channel = BoardChannel(ray.remote(num_cpus=0)(Board).options(scheduling_strategy=here).remote())
        self._scratch = scratch
        self._passed_on = False
        self._once = threading.Lock()

    def exchange(self) -> None:
        """Pass everything on in both directions."""
        import ray

        with self._once:
            own = stop_reason(self._scratch)
            if own is not None and not self._passed_on:
                self.channel.request_stop(own)
                self._passed_on = True
            news: News = ray.get(self.channel.board.fetch.remote(), timeout=_ANSWER_S)
            for failure in news.gpu_failures:
                note_gpu_failure(self._scratch, GpuFailure(**failure))
            if news.reason is not None and own is None:
                request_stop(self._scratch, StopReason(news.reason))
                self._passed_on = True
            for sentence in news.sentences:
                Notices(self._scratch / NOTICES_FILE)(sentence)
            for trial_id, nodes in news.attempts:
                note_attempt(self._scratch, trial_id, nodes)


@contextmanager
def open_bridge(scratch: Path) -> Iterator[Bridge]:
    """Keep a new board and a command's scratch folder alike while the `with` block lasts.

    Args:
        scratch: folder of this command, which no trial sees.
    """
    import ray

    bridge = Bridge(scratch)
    try:
        with repeating(bridge.exchange, _EVERY_S, name="bridge", passing=(Exception,), leave_s=_ANSWER_S):
            yield bridge
    finally:
        with suppress(Exception):
            ray.kill(bridge.channel.board)

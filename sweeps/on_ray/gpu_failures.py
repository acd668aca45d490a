"""Errors that leave a process without its GPU, what is noted of them, and the nodes that get no more trials for it.

After an illegal memory access or a lost GPU, every later call of the process fails too. A process of Ray serves one
trial after the other, so it must end, and its trial goes on in another one. What fails again on the same node is taken
for the node's fault, unless it is a check in the trial's own computation (a device-side assert).
"""

import json
import os
import re
import socket
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simcvd.device_errors import fault_in
from sweeps.resources.late_nodes import UnfitNodeError
from sweeps.trial.gpu_error import GpuError, fault_of

if TYPE_CHECKING:
    from sweeps.on_ray.channel import Channel

FOLDER: Final = "gpu-failures"
MOST_FAILURES: Final = 2
"""Failures of a node's GPU after which no more trials run there: one may be a ray from space."""

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class GpuFailure:
    """One failure, as it is noted.

    Attributes:
        trial_id: the trial that met it.
        attempt: which of its attempts; several workers of one may meet the same failure.
        node: id of the node in Ray.
        host: the node's name.
        words: what the driver called it.
        of_trial: most likely the trial's own fault.
    """

    trial_id: str
    attempt: str
    node: str
    host: str
    words: str
    of_trial: bool


@contextmanager
def gpu_failure_noted(channel: "Channel", trial_id: str, attempt: str, node: str) -> Iterator[None]:
    """Note what breaks the GPU in the `with` block, for the command, and say which node and trial it was.

    Args:
        channel: how the command hears of it.
        trial_id: the trial.
        attempt: what tells its attempts apart.
        node: this node's id.

    Raises:
        GpuError: this process must end, and the trial goes on in another one.
    """
    try:
        yield
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        failure = GpuFailure(trial_id, attempt, node, socket.gethostname(), fault.words, fault.of_trial)
        told = GpuError.of(fault)
        with suppress(Exception):  # a failure that can't be noted is a failure all the same
            channel.note_gpu_failure(failure)
            channel.tell(f"{told} It ended the process of the trial {trial_id}.")
        raise told from error


def note_gpu_failure(scratch: Path, failure: GpuFailure) -> None:
    """Note a failure in a file of its own, since appending from several nodes may lose lines.

    Args:
        scratch: folder of this command.
        failure: what to note.
    """
    folder = scratch / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.json"
    partial = path.with_suffix(f".tmp-{os.getpid()}")
    partial.write_text(json.dumps(asdict(failure)))
    partial.replace(path)


def gpu_failures(scratch: Path) -> list[GpuFailure]:
    """Return what was noted of this command, in no order; a note that can't be read now may be the next time."""
    found = []
    for path in (scratch / FOLDER).glob("*.json"):
        with suppress(OSError, ValueError):
            found.append(GpuFailure(**json.loads(path.read_text())))
    return found


def failed_nodes(failures: Collection[GpuFailure]) -> dict[str, str]:
    """Return the nodes whose GPU failed too often, by id, each with a sentence; asserts of trials do not count."""
    of_nodes = [failure for failure in failures if not failure.of_trial]
    sentences = {}
    for node in sorted({failure.node for failure in of_nodes}):
        own = [failure for failure in of_nodes if failure.node == node]
        if len({(failure.trial_id, failure.attempt) for failure in own}) >= MOST_FAILURES:
            words = "; ".join(sorted({failure.words for failure in own}))
            sentences[node] = f"The GPU of node {own[0].host} failed twice ({words}); no more trials run there."
    return sentences


def newly_failed(scratch: Path, told: set[str]) -> list[str]:
    """Return a sentence for each node whose GPU failed too often and that is not among those `told`; they are then."""
    new = {node: told_of for node, told_of in failed_nodes(gpu_failures(scratch)).items() if node not in told}
    told.update(new)
    return list(new.values())


def no_node_left(scratch: Path) -> UnfitNodeError:
    """Return what ends a command whose trials find no node with a GPU that works."""
    told = " ".join(failed_nodes(gpu_failures(scratch)).values())
    return UnfitNodeError(
        f"{told} No other node has room for a trial; set the GPU right (see nvidia-smi and dmesg there) and run the "
        "same command again, it continues."
    )


def last_words(reason: str) -> tuple[str, str] | None:
    """Return the sentence and all that Ray kept of an exception that broke a GPU; none where another one was the last.

    Args:
        reason: the text that Ray keeps.
    """
    plain = _ANSI.sub("", reason)
    if told := re.findall(rf"{GpuError.__name__}: (.*)", plain):
        return told[-1].strip(), plain
    if fault := fault_in(plain):  # of a worker that did not get as far as to say it
        return f"The GPU failed: {fault.words}.", plain
    return None

"""Errors that leave a process without its GPU, and what the command says of nodes that get no more trials for it.

After an illegal memory access or a lost GPU, every later call of the process fails too. A process of Ray serves one
trial after the other, so it must end, and its trial goes on in another one.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from simcvd.device_errors import fault_in
from sweeps.channel.channel import Channel
from sweeps.channel.folder_channel import FolderChannel
from sweeps.channel.gpu_failure import GpuFailure, failed_nodes
from sweeps.resources.late_nodes import UnfitNodeError
from sweeps.trial.gpu_error import GpuError, fault_of

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def gpu_failure_noted(channel: Channel, trial_id: str, attempt: str, node: str) -> Iterator[None]:
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


def newly_failed(channel: FolderChannel, told: set[str]) -> list[str]:
    """Return a sentence for each node whose GPU failed too often and that is not among those `told`; they are then."""
    new = {node: told_of for node, told_of in failed_nodes(channel.gpu_failures()).items() if node not in told}
    told.update(new)
    return list(new.values())


def no_node_left(channel: FolderChannel) -> UnfitNodeError:
    """Return what ends a command whose trials find no node with a GPU that works."""
    told = " ".join(failed_nodes(channel.gpu_failures()).values())
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

"""What a Ray of ours has left running: its agents outlive a raylet that was killed, and belong to nobody then."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

MARK: Final = "SIMCVD_OWN_RAY"
"""Variable that Ray's processes inherit."""

INTERRUPTED: Final = 130
_SENTENCE: Final = b"Interrupted; run the same command again to continue.\n"
_PROCESSES: Final = Path("/proc")
_WAIT_S: Final = 5.0
_LOOKS: Final = 2
"""That must find nothing, one after the other."""


def new_mark() -> str:
    """Return a value of the variable that no other command has."""
    return uuid.uuid4().hex


def end_left_over(mark: str) -> None:
    """Kill the processes that have the mark, and wait until they are gone; without /proc there is nothing to go by.

    A process that has just begun shows no variables for a moment, so one look that finds none is not enough.

    Args:
        mark: the variable's value.
    """
    until, looks = time.monotonic() + _WAIT_S, 0
    while looks < _LOOKS and time.monotonic() < until:
        found = list(_marked(mark))
        looks = 0 if found else looks + 1
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def leave_at_once(mark: str | None) -> NoReturn:
    """End the process with what it has started, from whatever thread; what it wrote halfway the next command tidies up.

    Args:
        mark: of the Ray that it has started; None where it has joined one.
    """
    if mark is not None:
        end_left_over(mark)
    os.write(2, _SENTENCE)
    os._exit(INTERRUPTED)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for folder in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                yield int(folder.name)

"""Who holds a trial or a sweep: its lock, and what an object store tells in place of one."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from simcvd.errors import UserError
from simcvd.files import make_folder

LOCK_WAIT_S = 30.0
"""Processes of a killed command end within seconds; a lock held longer belongs to a command that is alive."""

OWN_WAIT_S = 180.0
"""A lock that another process of the same command holds: of a host that was cut off and ends its trials before long."""

FRESH_LOG_S = 120.0
"""A log this young belongs to a running trial where another host's lock can't be seen."""

LIVE_FILE = "live.json"
"""Who holds a trial or a sweep in an object store: written on the machine that looks on, whenever that one is heard."""


class TrialBusyError(UserError):
    """Another live process runs the trial."""


@contextmanager
def trial_lock(
    folder: Path,
    tell: Callable[[str], None] | None = None,
    wait_s: float = LOCK_WAIT_S,
    *,
    command: str | None = None,
) -> Iterator[None]:
    """Hold the trial alone; the system lets go of the lock when the process ends, however it ends.

    Args:
        folder: the trial's folder.
        tell: gets a sentence when the lock is held by another process.
        wait_s: how long to wait for it, in seconds.
        command: what tells this command from others; where it holds the lock itself, on a host that was cut off, the
            wait is `OWN_WAIT_S`: Ray ends the trials of such a host.

    Raises:
        TrialBusyError: another live process still holds the trial after the wait.
    """
    make_folder(folder)
    with (folder / "lock").open("a+") as file:
        began = time.monotonic()
        told = False
        while not _try_lock(file.fileno(), fcntl.LOCK_EX):
            holder = _lock_content(folder / "lock")
            own = command is not None and holder.get("command") == command
            limit_s = max(wait_s, OWN_WAIT_S) if own else wait_s
            waited_s = time.monotonic() - began
            if waited_s >= limit_s:
                raise TrialBusyError(
                    f"The trial {folder.name} is being run by {_named(holder)}; wait for it to end, or stop it."
                )
            if tell and not told and waited_s > 1:  # a reader's test takes an instant
                tell(
                    f"The trial {folder.name} is held by {_named(holder)}; waiting up to {limit_s:.0f} s for it to end."
                )
                told = True
            time.sleep(0.2)
        with suppress(OSError):  # a full disk holds no lock up
            file.truncate(0)
            known = {"host": socket.gethostname(), "pid": os.getpid(), "command": command}
            os.write(file.fileno(), json.dumps(known).encode())
        yield


def is_locked(folder: Path) -> bool:
    """Tell whether a live process holds the trial."""
    try:
        with (folder / "lock").open() as file:
            return not _try_lock(file.fileno(), fcntl.LOCK_SH)
    except OSError:
        return False


def is_held(folder: Path) -> bool:
    """Tell whether a live process holds the trial or sweep, by its lock or by what an object store tells."""
    return is_locked(folder) or time.time() - changed(folder / LIVE_FILE) < FRESH_LOG_S


def holder_of(folder: Path) -> dict[str, Any]:
    """Return what is known of the process that holds or held the folder: `host`, `pid` and `command`."""
    return _lock_content(folder / LIVE_FILE) or _lock_content(folder / "lock")


def locked_here(folder: Path) -> bool:
    """Tell whether the last process that locked the folder was on this machine, or none was."""
    return bool(_lock_content(folder / "lock").get("host", socket.gethostname()) == socket.gethostname())


def changed(path: Path) -> float:
    """Return when a file was changed, in seconds since the epoch; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _named(content: Mapping[str, Any]) -> str:
    return f"process {content['pid']} on {content['host']}" if content else "another process"

"""Folders on a machine's own disk that belong to one process, and what a process that died leaves of them."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from sweeps.storage.boot import this_boot

_LOCK: Final = "held-"
_GOING: Final = "-going"
_FORGOTTEN_S: Final = 7 * 86400.0


@contextmanager
def private_folder(folder: Path, left: Path | None = None) -> Iterator[None]:
    """Make a folder, or take one over, that is locked from the moment it has its name."""
    made = folder.with_name(f".{folder.name}-{os.getpid()}") if left is None else left
    made.mkdir(parents=True, exist_ok=True)
    with _lock_of(made).open("a") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
        yield


def is_left(folder: Path) -> bool:
    """Tell whether a process of this machine died with the folder.

    Where the folder is on network storage, another machine's lock may be unseen here. So a lock has the machine in its
    name, and when it was started: of any other one nothing is known, even after this one was started again.
    """
    try:
        with _lock_of(folder).open() as file:
            return _lockable(file)
    except OSError:
        return False


def _lock_of(folder: Path) -> Path:
    return folder / f"{_LOCK}{this_boot()}"


def _lockable(file: IO[str]) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def delete(folder: Path) -> None:
    """Delete a folder; half of one is never found under its name, whenever this process is killed."""
    going = folder.with_name(f".{folder.name}{_GOING}")
    with suppress(OSError):
        shutil.rmtree(going, ignore_errors=True)
        folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)


def forget_old(folder: Path) -> None:
    """Delete what is in a folder that no process of this machine holds, and none of any machine wrote to for a week."""
    for path in folder.glob("*"):
        with suppress(OSError):
            held_here = _lock_of(path).exists() and not is_left(path)
            if time.time() - _last_change(path) > _FORGOTTEN_S and not held_here:
                delete(path)


def _last_change(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))

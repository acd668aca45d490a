"""Folders on a machine's own disk that belong to one process, and what a process that died leaves of them."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

_LOCK: Final = "held"
_GOING: Final = "-going"
_FORGOTTEN_S: Final = 7 * 86400.0


@contextmanager
def private_folder(folder: Path, left: Path | None = None) -> Iterator[None]:
    """Make a folder, or take one over, that is locked from the moment it has its name."""
    made = folder.with_name(f".{folder.name}-{os.getpid()}") if left is None else left
    made.mkdir(parents=True, exist_ok=True)
    with (made / _LOCK).open("a") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
        yield


def is_left(folder: Path) -> bool:
    """Tell whether a process of this machine died with the folder."""
    try:
        with (folder / _LOCK).open() as file:
            return _lockable(file)
    except OSError:
        return False


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
    """Delete what dead processes left in a folder a week ago."""
    for path in folder.glob("*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _FORGOTTEN_S and (is_left(path) or path.name.endswith(_GOING)):
                delete(path)

"""How a command and its trials tell each other to stop: by files in the scratch folder, which every node sees."""

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

NOTICES_FILE: Final = "notices.txt"
_GOING_FILE: Final = "going"


class StopReason(StrEnum):
    """Why the trials of a command stop: the name of the file that says so."""

    asked = "stop"
    disk_full = "disk-full"
    gpus_failed = "gpus-failed"


def allow_running(scratch: Path) -> None:
    """Say, in a new scratch folder, that trials may run."""
    (scratch / _GOING_FILE).touch()


def request_stop(scratch: Path, reason: StopReason) -> None:
    """Ask all trials of the command to stop.

    A file that is there is renamed, since a full disk may hold no further one.
    """
    with suppress(FileNotFoundError):  # asked before, by another trial or the command
        (scratch / _GOING_FILE).rename(scratch / reason)


def stop_reason(scratch: Path) -> StopReason | None:
    """Return why trials are to stop, or none."""
    return next((reason for reason in StopReason if (scratch / reason).exists()), None)


class Notices:
    """Append sentences to a file that the command shows."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, sentence: str) -> None:
        """Append one."""
        with self._path.open("a") as file:
            file.write(f"{sentence}\n")

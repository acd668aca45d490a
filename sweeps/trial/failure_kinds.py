"""What kind of failure an exception is, and those that are no trial's fault: a full disk, storage that fails."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from simcvd.device_errors import gpu_fault, is_out_of_memory
from simcvd.errors import STORAGE_FAILS, STORAGE_FULL, DataError, UserError

NOT_OF_TRAINING: Final = frozenset({"data", "gpu_error", "hung", "out_of_memory", "worker_lost"})
"""Kinds that say nothing against the steps done: when such a trial is tried again, it goes on from its checkpoint."""


class DiskFullError(UserError):
    """The disk of the runs folder is full; trials are left as they are and continue once there is room."""

    @classmethod
    def of(cls, runs: Path) -> Self:
        """Say so of `runs`."""
        return cls(f"The disk of {runs} is full; make room and run the same command again, it continues.")


class RunsFolderError(UserError):
    """The storage of the runs folder failed; trials are left as they are and continue once it works."""

    @classmethod
    def of(cls, runs: Path, number: int) -> Self:
        """Say so of `runs`, with the number of the system's error."""
        return cls(
            f"The storage of {runs} failed on {socket.gethostname()} ({os.strerror(number)}); see to it and run the "
            "same command again, it continues."
        )


def failure_kind(error: Exception) -> str | None:
    """Return `nan`, `out_of_memory`, `gpu_error`, `data` or `user` where one of them is the cause, else none."""
    kind = getattr(error, "kind", None)
    if isinstance(kind, str):
        return kind
    if gpu_fault(error) is not None:
        return "gpu_error"
    if is_out_of_memory(error):
        return "out_of_memory"
    if isinstance(error, UserError):
        return "data" if isinstance(error, DataError) else "user"
    return None


@contextmanager
def storage_told(runs: Path) -> Iterator[None]:
    """Turn any error that a full disk or failing storage of `runs` causes in the `with` block into a sentence.

    Raises:
        DiskFullError: there is no room left.
        RunsFolderError: files can't be read or written now.
    """
    try:
        yield
    except (DiskFullError, RunsFolderError):
        raise
    except Exception as error:
        if is_disk_full(error, runs):
            raise DiskFullError.of(runs) from error
        if (number := _told(error, runs, STORAGE_FAILS)) is not None:
            raise RunsFolderError.of(runs, number) from error
        raise


def is_disk_full(error: BaseException, runs: Path) -> bool:
    """Tell whether an error goes back to a full disk or a used up quota under `runs`."""
    return _told(error, runs, STORAGE_FULL) is not None


def is_of_storage(error: BaseException, runs: Path) -> bool:
    """Tell whether an error goes back to the storage of `runs`, be it full or failing, and to nothing in the trial."""
    return isinstance(error, RunsFolderError) or _told(error, runs, STORAGE_FULL | STORAGE_FAILS) is not None


def _told(error: BaseException, runs: Path, numbers: frozenset[int]) -> int | None:
    """Return the number of the system's error that an error goes back to, if it is one of these and of `runs`."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, DataError):
            return None  # of a case, whose storage is another's
        seen.add(id(cause))
        if (number := _number(cause, runs, numbers)) is not None:
            return number
        cause = cause.__cause__ or cause.__context__
    return None


def _number(error: BaseException, runs: Path, numbers: frozenset[int]) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        named = isinstance(error.filename, str | bytes | os.PathLike)
        inside = not named or Path(os.fsdecode(error.filename)).is_relative_to(runs)
        return error.errno if inside and error.errno in numbers else None
    # safetensors, HDF5 and threads of others pass the system's words on, and no number.
    return next((number for number in sorted(numbers) if os.strerror(number) in str(error)), None)

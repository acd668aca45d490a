"""What kind of failure an exception is, and the one that is no trial's fault: a full disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from simcvd.device_errors import gpu_fault, is_out_of_memory
from simcvd.errors import DataError, UserError

NOT_OF_TRAINING: Final = frozenset({"data", "gpu_error", "hung", "out_of_memory", "worker_lost"})
"""Kinds that say nothing against the steps done: when such a trial is tried again, it goes on from its checkpoint."""

_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
_FULL_WORDS: Final = tuple(os.strerror(number) for number in sorted(_FULL))


class DiskFullError(UserError):
    """The disk of the runs folder is full; trials are left as they are and continue once there is room."""

    @classmethod
    def of(cls, runs: Path) -> Self:
        """Say so of `runs`."""
        return cls(f"The disk of {runs} is full; make room and run the same command again, it continues.")


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
def full_disk_told(runs: Path) -> Iterator[None]:
    """Turn any error that a full disk under `runs` causes in the `with` block into a sentence.

    Raises:
        DiskFullError: there is no room left.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if not is_disk_full(error, runs):
            raise
        raise DiskFullError.of(runs) from error


def is_disk_full(error: BaseException, runs: Path) -> bool:
    """Tell whether an error goes back to a full disk or a used up quota under `runs`."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if _says_full(cause, runs):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _says_full(error: BaseException, runs: Path) -> bool:
    if isinstance(error, OSError) and error.errno is not None and error.errno not in _FULL:
        return False
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes | os.PathLike):
        inside = Path(os.fsdecode(error.filename)).is_relative_to(runs)
        return inside and error.errno in _FULL
    # safetensors, HDF5 and threads of others pass the system's words on, and no number.
    return (isinstance(error, OSError) and error.errno in _FULL) or any(word in str(error) for word in _FULL_WORDS)

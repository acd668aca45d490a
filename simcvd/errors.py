"""The exception for what the user must change, and the system's errors that are the storage's."""

import errno
from typing import Final

STORAGE_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers by which a full disk or a used up quota is told."""

STORAGE_FAILS: Final = frozenset({errno.EIO, errno.EROFS, errno.ESTALE, getattr(errno, "EREMOTEIO", errno.EIO)})
"""Of a disk or a server that does not answer, and of a file system made read-only for it; the last is Linux's alone."""


class UserError(Exception):
    """Say in one sentence what was found, what was expected and what to do; the command line ends with exit code 2."""


class DataError(UserError):
    """A case can't be read, or lacks what it should have."""

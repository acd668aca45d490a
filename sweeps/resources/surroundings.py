"""What Ray needs of this machine to start, where the user's own surroundings lack it."""

import functools
import os
import resource
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from simcvd.errors import UserError

_LONGEST: Final = 37
"""Most bytes of Ray's folder: the system allows 107 for a socket, and Ray's own names take up to 70."""

_LONGEST_OF_PYTHON: Final = 70
"""The same for the folder of temporary files, in which Ray's dashboard has sockets of Python."""

_SHORT: Final = ("/tmp", "/var/tmp", "/dev/shm")
_OPEN_FILES: Final = 1024
_FEWEST_OPEN_FILES: Final = 512


def surroundings(short: Sequence[str] = _SHORT) -> dict[str, str]:
    """Return variables that let Ray start here; the limit of open files is raised where that is allowed.

    Args:
        short: folders to take where that of the user is too long or can't be written.

    Raises:
        UserError: with what to change.
    """
    _raise_open_files()
    changes: dict[str, str] = {}
    own = os.environ.get("TMPDIR") or tempfile.gettempdir()
    for name, folder, longest in (
        ("RAY_TMPDIR", os.environ.get("RAY_TMPDIR") or own, _LONGEST),
        ("TMPDIR", own, _LONGEST_OF_PYTHON),
    ):
        if not _serves(folder, longest):
            changes[name] = _instead_of(folder, short)
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ) and not _holds_a_token():
        changes["RAY_AUTH_TOKEN"] = _token()
    return changes


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _OPEN_FILES:
        return
    limit = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if limit < _FEWEST_OPEN_FILES:
        raise UserError(
            f"A process may open {limit} files here, but Ray needs {_FEWEST_OPEN_FILES} or more; raise the limit with "
            f"ulimit -n {_OPEN_FILES}, or ask who administers this machine."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _instead_of(folder: str, short: Sequence[str]) -> str:
    for found in short:
        if _serves(found, _LONGEST):
            return found
    raise UserError(
        f"Ray can't put its files into {folder}, whose name is too long or which can't be written, nor into "
        f"{', '.join(short)}; set RAY_TMPDIR and TMPDIR to a folder of at most {_LONGEST} letters."
    )


def _serves(folder: str, longest: int) -> bool:
    """Tell whether Ray can have its folder there."""
    own = Path(folder) / "ray"
    return len(os.fsencode(folder)) <= longest and _writable(own if own.is_dir() else Path(folder))


def _holds_a_token() -> bool:
    """Tell whether the home folder has Ray's token, or room for the one that Ray makes there."""
    try:
        token = Path.home() / ".ray" / "auth_token"
        if token.exists():
            return os.access(token, os.R_OK)
    except (OSError, RuntimeError):  # a user without a name has no home either
        return False
    return _writable(token.parent if token.parent.is_dir() else token.parent.parent)


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@functools.cache
def _token() -> str:
    """Return the same for all Rays of this process, which reads it once."""
    return uuid.uuid4().hex + uuid.uuid4().hex

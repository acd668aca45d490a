"""What Ray needs of this machine to start, where the user's own surroundings lack it."""

import functools
import os
import resource
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from sweeps.resources.token import TOKEN_FILE, ensure_token, new_token

_LONGEST: Final = 37
"""Most bytes of Ray's folder: the system allows 107 for a socket, and Ray's own names take up to 70."""

_LONGEST_OF_PYTHON: Final = 70
"""The same for the folder of temporary files, in which Ray's dashboard has sockets of Python."""

_SHORT: Final = ("/tmp", "/var/tmp", "/dev/shm")
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_OPEN_FILES: Final = 1024
_FEWEST_OPEN_FILES: Final = 512


def surroundings(short: Sequence[str] = _SHORT) -> dict[str, str]:
    """Return variables that let Ray start here, out of reach of other users; raise the limit of open files if need be.

    Ray makes its folder, with its sockets, logs and code, such that everybody may write there: so it goes into one that
    nobody else can enter. The token is there, for its owner alone, before Ray makes one that everybody can read.

    Args:
        short: folders to take where that of the user is too long or can't be written.

    Raises:
        UserError: with what to change.
    """
    _raise_open_files()
    changes: dict[str, str] = {}
    own = os.environ.get("TMPDIR") or tempfile.gettempdir()
    if len(os.fsencode(own)) > _LONGEST_OF_PYTHON or not _writable(Path(own)):
        changes["TMPDIR"] = _writable_one(own, short)
    given = os.environ.get("RAY_TMPDIR")
    if given is None or not (_serves(Path(given)) and _is_private(Path(given))):
        changes["RAY_TMPDIR"] = _private_folder(given or own, short)
    if "RAY_AUTH_TOKEN" not in os.environ:
        if "RAY_AUTH_TOKEN_PATH" in os.environ or _home_takes_a_token():
            ensure_token()
        else:
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


def _writable_one(folder: str, short: Sequence[str]) -> str:
    for found in short:
        if _writable(Path(found)):
            return found
    raise _no_folder(folder, short)


def _private_folder(folder: str, short: Sequence[str]) -> str:
    """Return a folder of this user alone, made in the first one that serves."""
    for base in (folder, *short):
        own = Path(base) / _own_name()
        if _keeps(Path(base)) and _made_private(own) and _serves(own):
            return str(own)
    raise _no_folder(folder, short)


def _own_name() -> str:
    return f"simcvd-{os.geteuid()}"


def _no_folder(folder: str, short: Sequence[str]) -> UserError:
    most = _LONGEST - len(_own_name()) - 1
    return UserError(
        f"Ray can't put its files into a folder of yours in {folder}, which is too long or can't be written, "
        f"nor in {', '.join(short)}; set RAY_TMPDIR and TMPDIR to a folder of at most {most} letters."
    )


def _keeps(folder: Path) -> bool:
    """Tell whether what is in a folder stays its owner's: nobody else can put another in its place."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return not mode & _OTHERS_WRITE or bool(mode & stat.S_ISVTX)


def _made_private(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_own(folder):
            return False
        folder.chmod(0o700)
    except OSError:
        return False
    return _is_private(folder)


def _is_private(folder: Path) -> bool:
    return _is_own(folder) and not folder.stat().st_mode & _OTHERS


def _is_own(folder: Path) -> bool:
    """Tell whether a folder, and no link to one, is this user's."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _serves(folder: Path) -> bool:
    """Tell whether Ray can have its folder there."""
    own = folder / "ray"
    return len(os.fsencode(folder)) <= _LONGEST and _writable(own if own.is_dir() else folder)


def _home_takes_a_token() -> bool:
    """Tell whether the home folder has Ray's token, or room for one."""
    try:
        token = Path.home() / TOKEN_FILE.removeprefix("~/")
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
    return new_token()

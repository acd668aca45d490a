"""The token that every part of a Ray asks for: made once, kept in a file that only its owner reads."""

import os
import re
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from simcvd.errors import UserError

TOKEN_FILE: Final = "~/.ray/auth_token"
"""Where Ray looks for it, on this machine and on the hosts."""

ENVIRONMENT: Final = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
"""What Ray's own commands read, here and on the hosts."""

UNAUTHORISED: Final = re.compile(r"\b(401|403)\b")
WRONG_TOKEN: Final = (
    "The Ray on the head has another token than ~/.ray/auth_token here; copy that file from the machine that started "
    "the cluster, or take the cluster down from there."
)
_OTHERS: Final = 0o077


def ensure_token(tell: Callable[[str], None] = lambda sentence: print(sentence, file=sys.stderr)) -> Path:
    """Return the file with this machine's token, made where there is none; others can't read it from now on.

    Ray itself makes one that everybody can read.

    Args:
        tell: gets the sentence that others could read it until now.

    Raises:
        UserError: the file is empty, can't be made or read, or others can read it and that can't be changed.
    """
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or TOKEN_FILE).expanduser()
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(path)
    except OSError as error:
        raise UserError(f"The token file {path} can't be made: {error.strerror}.") from error
    try:
        empty, seen = not path.read_text().strip(), bool(path.stat().st_mode & _OTHERS)
    except OSError as error:
        raise UserError(f"The token file {path} can't be read: {error.strerror}.") from error
    if empty:
        raise UserError(f"The token file {path} is empty; delete it, and the next command makes one.")
    if seen:
        _hide(path)
        tell(
            f"Others could read the token in {path}; its mode is 600 now. Who has read it can run code on a Ray that "
            "asks for it: end those that run, delete the file, and the next command makes a new one."
        )
    return path


def new_token() -> str:
    """Return a token that no other Ray has."""
    return secrets.token_hex(32)


def _make(path: Path) -> None:
    """Make the file; under its name it is whole from the first moment, and one of two commands at once makes it."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_token())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without second names
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _hide(path: Path) -> None:
    with suppress(OSError):
        path.chmod(0o600)
    if path.stat().st_mode & _OTHERS:
        raise UserError(
            f"Others can read the token in {path}, and its mode can't be changed; let its owner run chmod 600 {path}, "
            "or set RAY_AUTH_TOKEN_PATH to a file of yours on another disk."
        )

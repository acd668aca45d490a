"""The token that every part of a cluster's Ray asks for: made once, kept in a file that only its owner reads."""

import os
import re
import secrets
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


def ensure_token() -> Path:
    """Return the file with this machine's token, made where there is none.

    Raises:
        UserError: the file is empty, can't be made, or others can read it.
    """
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or TOKEN_FILE).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise UserError(f"The token file {path} can't be made: {error.strerror}.") from error
    try:
        empty, mode = not path.read_text().strip(), path.stat().st_mode
    except OSError as error:
        raise UserError(f"The token file {path} can't be read: {error.strerror}.") from error
    if empty:
        raise UserError(f"The token file {path} is empty; delete it, and the next command makes one.")
    if mode & 0o077:
        raise UserError(f"Others can read the token in {path}; run chmod 600 {path}.")
    return path

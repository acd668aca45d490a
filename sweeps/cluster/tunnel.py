"""A tunnel to the dashboard of the head, which listens on the head itself only."""

import http.client
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from simcvd.errors import UserError
from sweeps.cluster.hosts import CONNECT_S, NO_SSH, Host, UnreachableError
from sweeps.resources.token import UNAUTHORISED, WRONG_TOKEN

DASHBOARD_PORT: Final = 8265
ANSWER_S: Final = 10.0
"""How long the dashboard may take to answer, in seconds."""

_TRIES: Final = 3


class Tunnel:
    """Forward a free port of this machine's loopback to the head's dashboard while the `with` block lasts.

    Args:
        head: the head.
    """

    def __init__(self, head: Host) -> None:
        self._head = head
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """URL of the dashboard on this side."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Open it, or open it again under the same address.

        Raises:
            UnreachableError: the head can't be reached.
        """
        self.close()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        forward = f"127.0.0.1:{self._port}:127.0.0.1:{DASHBOARD_PORT}"
        self._process = _started(
            # What it reads ends with this process, however that ends, and with it `cat`, and ssh.
            [*self._head.ssh("-o", "ExitOnForwardFailure=yes", "-L", forward), "cat"],
            self._errors,
        )
        until = time.monotonic() + CONNECT_S + 10
        while True:
            accepts = self._accepts()
            if self._process.poll() is not None:
                self._errors.seek(0)
                raise UnreachableError(self._head.unreachable(self._errors.read().decode(errors="replace")))
            if accepts:
                return
            if time.monotonic() > until:
                self.close()
                raise UnreachableError(self._head.unreachable(""))
            time.sleep(0.1)

    def close(self) -> None:
        """End ssh."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _accepts(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False


def _started(command: list[str], errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # Ctrl-C in the terminal is for the command
        )
    except FileNotFoundError as error:
        raise UserError(NO_SSH) from error


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def is_up(tunnel: Tunnel) -> bool:
    """Tell whether a Ray with this machine's token answers at the other end.

    Raises:
        UserError: a Ray answers that has another token, or something is there that does not answer in time.
    """
    for _ in range(_TRIES):
        if (answer := answers(tunnel)) is not None:
            return answer
        time.sleep(1)
    raise UnreachableError(
        f"The dashboard of the head is there, but did not answer {_TRIES} times; try again when the head is less busy."
    )


def answers(tunnel: Tunnel) -> bool | None:
    """Tell whether a Ray answers: no where nothing listens, None where it is too slow or confused to tell."""
    token = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser().read_text().strip()
    request = urllib.request.Request(f"{tunnel.address}/api/version", headers={"Authorization": f"Bearer {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the token is for nobody else
    try:
        with direct.open(request, timeout=ANSWER_S):
            return True
    except urllib.error.HTTPError as error:
        if UNAUTHORISED.search(str(error.code)):
            raise UserError(WRONG_TOKEN) from error
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ConnectionError):
            return False
    return None

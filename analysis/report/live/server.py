"""Serve a live report to browsers of this machine: one page and its stamp, behind a token that only its URL holds."""

import hmac
import json
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from analysis.errors import AnalysisError
from analysis.report.live.page import LivePage

HOST: Final = "127.0.0.1"
_NAMES: Final = {HOST, "localhost"}
"""What a browser of this machine calls it, also at the end of an SSH tunnel; another name is a page of somebody else's
that was led here."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ReportServer(ThreadingHTTPServer):
    """Serves a page at `url`, and nothing to those who do not know it."""

    daemon_threads = True
    allow_reuse_port = False

    def __init__(self, page: LivePage, port: int = 0) -> None:
        """Listen; `serve_forever` answers.

        Args:
            page: what to serve.
            port: of this machine; 0 takes a free one.

        Raises:
            AnalysisError: the port can't be had.
        """
        self.page, self.token = page, secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise AnalysisError(
                f"Port {port} of this machine can't be had ({error.strerror}); choose another with --port, or leave it "
                "out for a free one."
            ) from error

    @property
    def url(self) -> str:
        """Where the page is; who knows it may read the report."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def server_bind(self) -> None:
        """Bind without asking for this machine's name, which may take long where no network is."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over browsers that have gone."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the page or its stamp."""
        place = self._place()
        if place == "":
            self.server.page.look()
            self._answer("text/html; charset=utf-8", self.server.page.content)
        elif place == "stamp":
            stamp = self.server.page.look()
            content = json.dumps({"stamp": stamp, "problem": self.server.page.problem})
            self._answer("application/json", content.encode())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _place(self) -> str | None:
        """Return what is asked for behind the token; None without it, or under another name of this machine."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        parts = self.path.partition("?")[0].split("/", 2)
        if host not in _NAMES or len(parts) < 3:
            return None
        given, token = parts[1].encode(errors="surrogateescape"), self.server.token.encode()
        return parts[2] if hmac.compare_digest(given, token) else None

    def _answer(self, kind: str, content: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse, without a word: what can't be read or is not known is not there; who has the token may only GET."""
        self.close_connection = True
        only_get = code == HTTPStatus.NOT_IMPLEMENTED and self._place() is not None
        self.send_response(HTTPStatus.METHOD_NOT_ALLOWED if only_get else HTTPStatus.NOT_FOUND)
        if only_get:
            self.send_header("Allow", "GET")
        self.send_header("Content-Length", "0")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def version_string(self) -> str:
        """Say no more than is of use."""
        return "simcvd"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Write nothing: the terminal belongs to the command."""

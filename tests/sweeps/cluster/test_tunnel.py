"""What a head answers decides whether Ray is started there, which ends what runs."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from simcvd.errors import UserError
from sweeps.cluster import tunnel
from sweeps.cluster.hosts import UnreachableError


@pytest.fixture
def head(monkeypatch, tmp_path):
    """Return a tunnel to what answers with `status`, and the headers that it saw."""
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    monkeypatch.setattr(tunnel, "ANSWER_S", 0.1)
    end = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        status, seen = 200, []

        def do_GET(self):
            self.seen.append(self.headers["Authorization"])
            if self.status is None:
                end.wait(5)
                return
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Handler, SimpleNamespace(address=f"http://127.0.0.1:{server.server_port}"), server
    end.set()
    server.shutdown()
    server.server_close()


def test_one_that_answers_is_up_and_sees_the_token(head):
    handler, at, _ = head
    assert tunnel.is_up(at)
    assert handler.seen == ["Bearer t0ken"]


def test_the_token_goes_through_no_proxy(head, monkeypatch):
    handler, _, server = head
    for key in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    nothing = SimpleNamespace(address="http://127.0.0.1:9")  # the port of nobody
    assert not tunnel.is_up(nothing)
    assert handler.seen == []


@pytest.mark.parametrize("status", [500, 503, None])
def test_one_that_is_slow_or_confused_is_not_taken_for_down(head, monkeypatch, status):
    handler, at, _ = head
    handler.status = status
    monkeypatch.setattr(tunnel.time, "sleep", lambda _: None)
    with pytest.raises(UnreachableError, match="did not answer 3 times"):
        tunnel.is_up(at)


@pytest.mark.parametrize("status", [401, 403])
def test_another_token_is_told(head, status):
    handler, at, _ = head
    handler.status = status
    with pytest.raises(UserError, match="another token"):
        tunnel.is_up(at)


def test_nothing_there_is_down(head):
    assert not tunnel.is_up(SimpleNamespace(address="http://127.0.0.1:9"))

import json
import socket
from http.client import HTTPConnection

import pytest

from analysis.errors import AnalysisError
from analysis.report.live.page import LivePage
from analysis.report.live.server import ReportServer

NAMES = ("<script>alert(1)</script>", 'it\'s "quoted"', "\N{BRAIN}")


@pytest.fixture
def runs(write_sweep):
    rows = [{"case_id": name, "dice": 0.5} for name in NAMES]
    return write_sweep({"ref": {0: rows}, "a": {0: None}})


@pytest.fixture
def server(serve, runs):
    return serve(runs)


def ask(server, path, method="GET", **headers):
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path, headers={"Host": f"127.0.0.1:{server.server_port}"} | headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def test_who_has_the_token_gets_the_page_and_its_stamp(server):
    status, content, headers = ask(server, f"/{server.token}/")
    assert (status, content) == (200, server.page.content)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    status, content, _ = ask(server, f"/{server.token}/stamp")
    assert (status, json.loads(content)) == (200, {"stamp": server.page.look(), "problem": None})
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "*", "/wrong/", "/{wrong}/", "/{token}", "/{token}//", "/{token}/../", "/{token}/x"),
        *("/{token}/../../etc/passwd", "/%2e%2e/", "/favicon.ico", "/{token}x/", "/\xff/"),
    ],
)
def test_anything_else_is_not_there(server, path):
    path = path.format(token=server.token, wrong="A" * len(server.token))
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as own:
        own.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode("latin-1"))
        answer = b"".join(iter(lambda: own.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.0 404 ")
    assert answer.endswith(b"\r\n\r\n"), "not a word more"


def test_who_has_the_token_may_only_read(server):
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"):
        status, content, headers = ask(server, f"/{server.token}/", method)
        assert (status, content, headers["Allow"]) == (405, b"", "GET")
        assert ask(server, "/wrong/", method)[0] == 404


@pytest.mark.parametrize(("host", "status"), [("evil.example", 404), ("evil.example:80", 404), ("", 404)])
def test_a_name_that_leads_here_from_elsewhere_is_refused(server, host, status):
    """A page of somebody else's may let its own name lead to 127.0.0.1."""
    assert ask(server, f"/{server.token}/", Host=host)[0] == status


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:9000"])
def test_an_end_of_a_tunnel_is_this_machine(server, host):
    assert ask(server, f"/{server.token}/", Host=host)[0] == 200


@pytest.mark.parametrize(
    "sent", [b"rubbish\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n", b"GET / HTTP/9\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_gets_no_word_and_the_server_goes_on(server, sent, capfd):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as own:
        own.sendall(sent)
        own.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: own.recv(4096), b""))
    assert b"<" not in answer
    assert b"200" not in answer
    assert ask(server, f"/{server.token}/")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_tokens_are_new_each_time_and_only_this_machine_is_listened_to(serve, runs):
    one, other = serve(runs), serve(runs)
    assert one.token != other.token
    assert len(one.token) >= 32
    assert one.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_told_in_a_sentence(server, runs):
    with pytest.raises(AnalysisError, match=rf"^Port {server.server_port} of this machine can't be had .*--port.*\.$"):
        ReportServer(LivePage(runs, "toy"), server.server_port)


def test_names_with_markup_stay_text(server):
    content = ask(server, f"/{server.token}/")[1].decode()
    assert "alert(1)" in content
    assert "<script>alert(1)" not in content


def test_a_sweep_of_which_nothing_has_finished_is_served(serve, write_sweep):
    server = serve(write_sweep({"ref": {0: None}}))
    assert b"No trial has finished with scores yet." in ask(server, f"/{server.token}/")[1]

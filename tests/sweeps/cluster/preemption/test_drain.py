import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.cluster import preemption
from sweeps.cluster.metadata import Aws, Gcp, Notice
from sweeps.cluster.preemption import LocalNode, drain, local_nodes, main, wait_for_notice

Answer = Callable[[str, str, dict[str, str]], tuple[int, str, dict[str, str]]]


class Cloud:
    """A metadata service; `answer` gets method, path and headers and returns status, text and headers."""

    def __init__(self) -> None:
        self.answer: Answer = lambda *_: (404, "", {})
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = (self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
                cloud.asked.append(asked)
                code, text, headers = cloud.answer(*asked)
                self.send_response(code)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_PUT = do_GET  # noqa: N815  # the name that the server looks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    made = Cloud()
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://{made.address}")
    monkeypatch.setenv("GCE_METADATA_HOST", made.address)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):  # never to be asked
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[LocalNode]:
    there = [LocalNode("ab", "10.0.0.1:6379", False, {"RAY_AUTH_MODE": "token", "HOME": "/nobody"})]
    monkeypatch.setattr(preemption, "local_nodes", lambda: list(there))
    return there


def _aws(action: str | None, token: str = "t") -> Answer:
    def answer(method: str, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        if (method, path) == ("PUT", "/latest/api/token"):
            return 200 if headers.get("x-aws-ec2-metadata-token-ttl-seconds") == "21600" else 400, token, {}
        if headers.get("x-aws-ec2-metadata-token") != token:
            return 401, "", {}
        if path == "/latest/meta-data/spot/instance-action" and action is not None:
            return 200, action, {}
        if path == "/latest/meta-data/events/recommendations/rebalance":
            return 200, '{"noticeTime": "2026-01-01T00:00:00Z"}', {}
        return 404, "", {}

    return answer


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_aws_announces_an_end_with_its_time(cloud, action):
    aws = Aws()
    cloud.answer = _aws(None)
    assert aws.ask() is None
    end = datetime.now(UTC) + timedelta(seconds=100)
    cloud.answer = _aws(json.dumps({"action": action, "time": f"{end:%Y-%m-%dT%H:%M:%SZ}"}))
    notice = aws.ask()
    assert notice is not None
    assert 95 < notice.left_s <= 100
    assert action in notice.told
    assert [method for method, *_ in cloud.asked] == ["PUT", "GET", "GET"]  # one token for all questions


def test_aws_recommending_to_rebalance_is_no_notice(cloud):
    cloud.answer = _aws(None)
    assert Aws().ask() is None
    assert not any("rebalance" in path for _, path, _ in cloud.asked)


def test_an_aws_notice_whose_time_cannot_be_read_leaves_two_minutes(cloud):
    cloud.answer = _aws("soon")
    assert Aws().ask() == Notice("AWS announces the end of this instance (soon)", 120)


def test_an_aws_token_that_has_expired_is_asked_for_again(cloud):
    aws = Aws()
    cloud.answer = _aws(None)
    assert aws.ask() is None
    cloud.answer = _aws("soon", token="another")
    with pytest.raises(OSError, match="401"):
        aws.ask()
    assert aws.ask() is not None


def test_google_is_asked_at_once_and_then_waits_for_a_change(cloud):
    def answer(method: str, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        if headers.get("metadata-flavor") != "Google":
            return 403, "", {}
        return 200, "TRUE" if "wait_for_change" in path else "FALSE", {"ETag": "e 1"}

    cloud.answer = answer
    gcp = Gcp()
    assert gcp.ask() is None
    assert gcp.ask() == Notice("Google Cloud announces the end of this instance", 30)
    first, second = (path for _, path, _ in cloud.asked)
    assert first == "/computeMetadata/v1/instance/preempted"
    assert second == f"{first}?wait_for_change=true&timeout_sec=5&last_etag=e+1"


def test_waiting_outlasts_a_service_that_is_away_and_says_so_once(cloud, nodes):
    aws = _aws("soon")
    times = iter(range(100))
    cloud.answer = lambda *asked: (503, "", {}) if next(times) < 3 else aws(*asked)
    told: list[str] = []
    notice = wait_for_notice(Aws(), told.append, again_s=0.01)
    assert notice is not None
    assert len(told) == 2
    assert "does not answer (HTTP Error 503" in told[0]
    assert told[1] == "The metadata service answers."


def test_waiting_ends_when_ray_has_ended(cloud, nodes):
    def answer(*_: object) -> tuple[int, str, dict[str, str]]:
        nodes.clear()
        return 404, "", {}

    cloud.answer = answer
    assert wait_for_notice(Aws(), print, again_s=0.01) is None


@pytest.fixture
def processes(tmp_path: Path) -> Callable[..., None]:
    def add(pid: int, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "comm").write_text(f"{name}\n")
        (folder / "cmdline").write_bytes(b"".join(f"{part}\0".encode() for part in arguments))
        (folder / "environ").write_bytes(b"".join(f"{k}={v}\0".encode() for k, v in environment.items()))

    return add


def test_nodes_are_found_among_the_systems_processes(processes, tmp_path):
    raylet = ["/venv/raylet", "--node_id=cd", "--gcs-address=10.0.0.1:6379", "--labels="]
    processes(1, "bash", ["bash", "--node_id=no", "--gcs-address=no"], {})
    processes(20, "raylet", raylet, {"RAY_AUTH_MODE": "token", "A": "b=c"})
    processes(30, "raylet", [*raylet[:1], "--node_id=ab", *raylet[2:], "--head"], {})
    processes(40, "raylet", [], {})  # a zombie
    assert local_nodes(tmp_path) == [
        LocalNode("ab", "10.0.0.1:6379", True, {}),
        LocalNode("cd", "10.0.0.1:6379", False, {"RAY_AUTH_MODE": "token", "A": "b=c"}),
    ]
    assert local_nodes(tmp_path / "empty") == []


class Head:
    """Stands for Ray's client of the head."""

    answers: list[tuple[bool, str] | Exception]
    asked: list[tuple[str, str, int, str, int]]

    def __init__(self, address: str) -> None:
        self.address = address

    def drain_node(self, node: str, reason: int, why: str, deadline_ms: int) -> tuple[bool, str]:
        Head.asked.append((self.address, node, reason, why, deadline_ms))
        answer = Head.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> type[Head]:
    import ray._raylet

    monkeypatch.setattr(ray._raylet, "GcsClient", Head)
    monkeypatch.setattr(preemption, "_TRY_AGAIN_S", 0.01)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # put back at the end, as the module changes it
    Head.asked = []
    return Head


def test_a_node_is_drained_as_preempted_with_its_deadline_and_its_own_token(head, nodes):
    from ray.core.generated import autoscaler_pb2

    head.answers = [(True, "")]
    before = datetime.now(UTC).timestamp()
    drain(Notice("the end", 30), print)
    [(address, node, reason, why, deadline_ms)] = head.asked
    assert (address, node, why) == ("10.0.0.1:6379", "ab", "the end")
    assert reason == autoscaler_pb2.DRAIN_NODE_REASON_PREEMPTION
    assert before + 30 <= deadline_ms / 1000 + 0.001 < before + 35
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert os.environ["HOME"] != "/nobody"


def test_draining_is_tried_again_while_the_head_is_away(head, nodes):
    head.answers = [RuntimeError("unavailable"), (False, "not now"), (True, "")]
    told: list[str] = []
    drain(Notice("the end", 5), told.append)
    assert len(head.asked) == 3
    assert "unavailable" in told[1]
    assert "not now" in told[2]
    assert "Ray drains the node ab" in told[3]


def test_a_node_that_is_refused_until_the_end_is_told(head, nodes):
    head.answers = [(False, "no such node.")] * 10_000
    with pytest.raises(UserError, match=r"Ray did not drain the node ab: no such node\.$"):
        drain(Notice("the end", 0), print)


def test_the_head_is_not_drained(head, nodes):
    nodes[:] = [LocalNode("ab", "10.0.0.1:6379", True, {})]
    with pytest.raises(UserError, match="head of its Ray"):
        drain(Notice("the end", 5), print)
    assert not head.asked


@pytest.mark.parametrize("who", ["aws", "gcp", "now"])
def test_without_ray_on_this_machine_the_command_says_so(nodes, who, capsys):
    nodes.clear()
    assert main([who]) == 2
    assert "Ray does not run on this machine" in capsys.readouterr().err


def test_a_notice_that_is_heard_drains_the_node(cloud, head, nodes, capsys):
    cloud.answer = _aws("soon")
    head.answers = [(True, "")]
    assert main(["aws"]) == 0
    assert [asked[1] for asked in head.asked] == ["ab"]
    told = capsys.readouterr().err
    assert "Waiting for a notice from aws" in told
    assert "AWS announces the end of this instance (soon); 120 s are left." in told
    assert "Ray drains the node ab" in told


def test_now_ends_when_ray_has_stopped_here(head, nodes, monkeypatch, capsys):
    head.answers = [(True, "")]
    asked: list[None] = []

    def leaving() -> list[LocalNode]:
        asked.append(None)
        return list(nodes) if len(asked) < 6 else []

    monkeypatch.setattr(preemption, "local_nodes", leaving)
    assert main(["now", "--within", "60"]) == 0
    assert len(asked) == 6
    assert "The time is over" not in capsys.readouterr().err


def test_now_ends_when_its_time_is_over(head, nodes, capsys):
    head.answers = [(True, "")]
    assert main(["now", "--within", "0.1"]) == 0
    assert "The time is over" in capsys.readouterr().err

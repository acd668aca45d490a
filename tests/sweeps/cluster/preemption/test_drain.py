import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from simcvd.errors import UserError
from sweeps.cluster.preemption import drain as draining
from sweeps.cluster.preemption.drain import LocalNode, drain, local_nodes, main, wait_for_notice
from sweeps.cluster.preemption.metadata import Aws, Notice
from tests.sweeps.cluster.preemption.cloud import aws


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the module believe that it has slept."""
    slept: list[float] = []
    monkeypatch.setattr(draining, "time", SimpleNamespace(time=lambda: time.time() + sum(slept), sleep=slept.append))


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[LocalNode]:
    there = [LocalNode("ab", "10.0.0.1:6379", False, {"RAY_AUTH_MODE": "token", "HOME": "/nobody"})]
    monkeypatch.setattr(draining, "local_nodes", lambda: list(there))
    return there


def test_waiting_outlasts_a_service_that_is_away_and_says_so_once(cloud, nodes):
    soon = aws("soon")
    times = iter(range(100))
    cloud.answer = lambda *asked: (503, "", {}) if next(times) < 3 else soon(*asked)
    told: list[str] = []
    notice = wait_for_notice(Aws(), told.append)
    assert notice is not None
    assert len(told) == 2
    assert "does not answer (HTTP Error 503" in told[0]
    assert told[1] == "The metadata service answers."


def test_waiting_ends_when_ray_has_ended(cloud, nodes):
    def answer(*_: object) -> tuple[int, str, dict[str, str]]:
        nodes.clear()
        return 404, "", {}

    cloud.answer = answer
    assert wait_for_notice(Aws(), print) is None


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
    head.answers = [(False, "no such node.")] * 10
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
    cloud.answer = aws("soon")
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

    monkeypatch.setattr(draining, "local_nodes", leaving)
    assert main(["now", "--within", "60"]) == 0
    assert len(asked) == 6
    assert "The time is over" not in capsys.readouterr().err


def test_now_ends_when_its_time_is_over(head, nodes, capsys):
    head.answers = [(True, "")]
    assert main(["now", "--within", "0.1"]) == 0
    assert "The time is over" in capsys.readouterr().err

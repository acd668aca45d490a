from collections.abc import Callable
from types import SimpleNamespace

import pytest

from sweeps.cluster import bring_up as module
from sweeps.cluster.bring_up import bring_up, connected
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host
from sweeps.cluster.launch import NoHeadError


class Tunnel:
    """A tunnel that is known to be open or not."""

    def __init__(self, head: Host) -> None:
        self.head, self.is_open = head, False

    def __enter__(self) -> "Tunnel":
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, cluster: ClusterFile) -> Callable[..., list[str]]:
    """Stand before a cluster that is up or not, or a cloud without a head; return what is done about it."""

    def stand(*, up: bool, head: bool = True) -> list[str]:
        steps: list[str] = []

        def head_of(cluster: ClusterFile) -> Host:
            if not head and "start" not in steps:
                raise NoHeadError("no head")
            return Host(cluster, "10.0.0.1")

        def note(step: str) -> Callable[..., None]:
            return lambda *given, **named: steps.append(step)

        launch = {name: note(name) for name in ("check_hosts", "refuse_running", "start")}
        monkeypatch.setattr(module, "launch", SimpleNamespace(head_of=head_of, NoHeadError=NoHeadError, **launch))
        monkeypatch.setattr(module, "Tunnel", Tunnel)
        monkeypatch.setattr(module, "is_up", lambda tunnel: up)
        monkeypatch.setattr(module, "Jobs", lambda tunnel: None)
        monkeypatch.setattr(module, "ensure_token", note("ensure_token"))
        monkeypatch.setattr(
            module, "wait_for_workers", lambda *given, fresh: steps.append(f"wait_for_workers fresh={fresh}")
        )
        return steps

    return stand


def test_a_cluster_that_is_up_is_not_started(done, cluster: ClusterFile) -> None:
    steps = done(up=True)
    with bring_up(cluster, print) as (head, tunnel):
        assert head.address == "10.0.0.1"
        assert tunnel.is_open
    assert not tunnel.is_open
    assert steps == ["ensure_token", "wait_for_workers fresh=False"]


@pytest.mark.parametrize("head", [True, False])
def test_one_that_is_down_is_started_after_its_hosts_are_looked_at(done, cluster: ClusterFile, head: bool) -> None:
    steps, said = done(up=False, head=head), []
    with bring_up(cluster, said.append) as (_, tunnel):
        assert tunnel.is_open
    looked = ["check_hosts", *(["refuse_running"] if head else [])]
    assert steps == ["ensure_token", *looked, "start", "wait_for_workers fresh=True"]
    assert said == ["Starting the cluster lab ..."]


@pytest.mark.parametrize(("up", "head"), [(False, True), (False, False)])
def test_looking_starts_nothing(done, cluster: ClusterFile, up: bool, head: bool) -> None:
    steps = done(up=up, head=head)
    with connected(cluster) as found:
        assert found is None
    assert steps == ["ensure_token"]

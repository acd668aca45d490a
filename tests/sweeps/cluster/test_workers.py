from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.cluster import workers
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.workers import wait_for_workers


class Jobs:
    """A head that knows some nodes at once and others once a file is there."""

    def __init__(self, *there: str, late: str | None = None, when: Path | None = None) -> None:
        self.there, self.late, self.when = there, late, when

    def nodes(self) -> list[dict]:
        joined = [self.late] if self.when is not None and self.when.exists() else []
        return [{"node_ip": address} for address in (*self.there, *joined)]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Wait for the workers of a cluster and return what is said."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(workers, "LATE_S", 0.0)

    def wait(cluster: ClusterFile, jobs: Jobs, *, fresh: bool = True) -> list[str]:
        told: list[str] = []
        wait_for_workers(cluster, jobs, told.append, fresh=fresh)
        return told

    return wait


def test_workers_that_are_there_are_told_of_a_cluster_that_was_started_alone(said, cluster: ClusterFile) -> None:
    jobs = Jobs("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert said(cluster, jobs) == ["3 of 3 hosts are up."]
    assert said(cluster, jobs, fresh=False) == []


def test_a_worker_that_is_off_and_one_with_another_ray_are_told(said, cluster: ClusterFile, fake_ssh) -> None:
    fake_ssh(
        'case "$*" in *10.0.0.3*) exit 255;; *10.0.0.2*version*) echo Ray 1; echo Python 3;; '
        "*version*) echo Ray 2; echo Python 3;; esac"
    )
    off, other, count = said(cluster, Jobs("10.0.0.1"))
    assert off.startswith("10.0.0.3 does not join: 10.0.0.3 can't be reached")
    assert other == (
        "10.0.0.2 does not join: it has Ray 1 and Python 3, the head has Ray 2 and Python 3; install the same there."
    )
    assert count.startswith("1 of 3 hosts are up; the others are used when they join: simcvd cluster status ")


def test_a_worker_that_missed_the_start_is_started_over_ssh(
    said, cluster: ClusterFile, fake_ssh, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    fake_ssh(
        f'case "$*" in *pgrep*) exit 1;; *version*) echo Ray 2; echo Python 3;; *"ray start"*) touch {started};; '
        "*) cat > /dev/null;; esac"
    )
    assert said(cluster, Jobs("10.0.0.1", "10.0.0.2", late="10.0.0.3", when=started)) == ["3 of 3 hosts are up."]
    assert started.exists()


def test_a_start_that_fails_is_told_by_its_last_words(said, cluster: ClusterFile, fake_ssh) -> None:
    fake_ssh(
        'case "$*" in *pgrep*) exit 1;; *version*) echo Ray 2; echo Python 3;; '
        '*"ray start"*) echo Port 6379 is taken.; exit 1;; *) cat > /dev/null;; esac'
    )
    told, _ = said(cluster, Jobs("10.0.0.1", "10.0.0.2"))
    assert told == "10.0.0.3 does not join: Port 6379 is taken."

"""Bring a cluster up where it is not, and say what is up."""

from collections.abc import Iterator
from contextlib import contextmanager

from sweeps.cluster import launch
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host
from sweeps.cluster.job import Jobs, is_up
from sweeps.cluster.token import ensure_token
from sweeps.cluster.tunnel import Tunnel
from sweeps.cluster.workers import Tell, wait_for_workers


@contextmanager
def bring_up(cluster: ClusterFile, tell: Tell) -> Iterator[tuple[Host, Tunnel]]:
    """Start the cluster unless it is up, and yield its head with an open tunnel.

    Args:
        cluster: the cluster.
        tell: gets sentences for the user.

    Raises:
        UserError: a host can't be reached, the launcher fails, or the head's Ray has another token.
    """
    ensure_token()
    head = _head(cluster)
    fresh = head is None or not _answers(head)
    if head is None or fresh:
        launch.check_hosts(cluster)
        if head is not None:
            launch.refuse_running(head)
        tell(f"Starting the cluster {cluster.name} ...")
        launch.start(cluster)
        head = launch.head_of(cluster)
    with Tunnel(head) as tunnel:
        wait_for_workers(cluster, Jobs(tunnel), tell, fresh=fresh)
        yield head, tunnel


@contextmanager
def connected(cluster: ClusterFile) -> Iterator[tuple[Host, Tunnel] | None]:
    """Yield the head with an open tunnel where the cluster is up, else None; nothing is started."""
    ensure_token()
    head = _head(cluster)
    if head is None or not _answers(head):
        yield None
        return
    with Tunnel(head) as tunnel:
        yield head, tunnel


def _head(cluster: ClusterFile) -> Host | None:
    """Return the head; none where a cloud has none."""
    try:
        return launch.head_of(cluster)
    except launch.NoHeadError:
        return None


def _answers(head: Host) -> bool:
    with Tunnel(head) as tunnel:
        return is_up(tunnel)

"""Bring a cluster up where it is not, and say what is up."""

from collections.abc import Iterator
from contextlib import contextmanager

from simcvd.errors import UserError
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
    head = _running_head(cluster)
    fresh = head is None
    if head is None:
        launch.check_hosts(cluster)
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
    head = _running_head(cluster)
    if head is None:
        yield None
        return
    with Tunnel(head) as tunnel:
        yield head, tunnel


def _running_head(cluster: ClusterFile) -> Host | None:
    """Return the head if a Ray of ours answers there."""
    try:
        head = launch.head_of(cluster)
    except UserError:
        if cluster.is_local:
            raise
        return None
    with Tunnel(head) as tunnel:
        return head if is_up(tunnel) else None

"""Bring a cluster up where it is not, and say what is up."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sweeps.cluster import launch
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host
from sweeps.cluster.job import Jobs
from sweeps.cluster.tunnel import Tunnel, is_up
from sweeps.cluster.workers import Tell, wait_for_workers
from sweeps.resources.token import ensure_token


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
    with ExitStack() as held:
        tunnel = None if head is None else held.enter_context(_answering(head))
        fresh = tunnel is None
        if head is None or tunnel is None:
            launch.check_hosts(cluster)
            if head is not None:
                launch.refuse_running(head)
            tell(f"Starting the cluster {cluster.name} ...")
            launch.start(cluster)
            head = launch.head_of(cluster)
            tunnel = held.enter_context(Tunnel(head))
        wait_for_workers(cluster, Jobs(tunnel), tell, fresh=fresh)
        yield head, tunnel


@contextmanager
def connected(cluster: ClusterFile) -> Iterator[tuple[Host, Tunnel] | None]:
    """Yield the head with an open tunnel where the cluster is up, else None; nothing is started."""
    ensure_token()
    head = _head(cluster)
    if head is None:
        yield None
        return
    with _answering(head) as tunnel:
        yield None if tunnel is None else (head, tunnel)


def _head(cluster: ClusterFile) -> Host | None:
    """Return the head; none where a cloud has none."""
    try:
        return launch.head_of(cluster)
    except launch.NoHeadError:
        return None


@contextmanager
def _answering(head: Host) -> Iterator[Tunnel | None]:
    """Yield an open tunnel to the head's dashboard; none where no Ray answers there."""
    with Tunnel(head) as tunnel:
        if is_up(tunnel):
            yield tunnel
            return
    yield None

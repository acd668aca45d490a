"""Own workers that did not come up: why, and another try.

Ray's launcher tries each worker once. One that was too slow, or was off at that time, stays out for good.
"""

import socket
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host
from sweeps.cluster.job import Jobs
from sweeps.cluster.launch import expected_nodes, find_hosts, last_words, launcher_content, on_host
from sweeps.resources.token import TOKEN_FILE, ensure_token

Tell = Callable[[str], None]

LATE_S: Final = 45.0
"""Own workers are up half a minute after the head."""

_CLOUD_S: Final = 600.0
_BUSY_S: Final = 60.0
_START_S: Final = 120.0
_RUNS_RAY: Final = "pgrep -u $(id -u) -x raylet"
_BUSY: Final = "pgrep -u $(id -u) -f '(^|/)ray (start|stop)( |$)'"
_VERSIONS: Final = 'ray --version | sed "s/ray, version/Ray/" && "$(dirname "$(command -v ray)")/python" --version'


def wait_for_workers(cluster: ClusterFile, jobs: Jobs, tell: Tell, *, fresh: bool) -> None:
    """Wait for the workers of a cluster whose head is up, and start own ones over SSH that do not come.

    Args:
        cluster: the cluster.
        jobs: its jobs.
        tell: gets sentences for the user.
        fresh: whether the cluster was started a moment ago; else its workers had their time.
    """
    expected = expected_nodes(cluster)
    until = time.monotonic() + ((LATE_S if cluster.is_local else _CLOUD_S) if fresh else 0)
    while len(there := _addresses(jobs)) < expected and time.monotonic() < until:
        time.sleep(1)
    if len(there) < expected and cluster.is_local:
        _start_missing(cluster, jobs, there, tell)
        there = _addresses(jobs)
    if len(there) < expected:
        told = f"simcvd cluster status {cluster.path}"
        tell(f"{len(there)} of {expected} hosts are up; the others are used when they join: {told}")
    elif fresh:
        tell(f"{len(there)} of {expected} hosts are up.")


def _start_missing(cluster: ClusterFile, jobs: Jobs, there: Collection[str], tell: Tell) -> None:
    absent = [name for name in cluster.worker_ips if name not in there and _address(name) not in there]
    ways, missed = find_hosts(cluster)
    for name, problem in missed.items():
        if name in absent:
            tell(f"{name} does not join: {problem.rstrip('.')}.")
    wanted = None if cluster.head_ip not in ways else _versions(ways[cluster.head_ip])
    able = []
    for name in absent:
        if name in missed:
            continue
        if (found := _versions(ways[name])) != wanted:
            tell(f"{name} does not join: it has {found}, the head has {wanted}; install the same there.")
        else:
            able.append(ways[name])
    if not able:
        return

    def start(host: Host) -> str | None:
        try:
            return _start(cluster, host, lambda: _address(host.address) in _addresses(jobs))
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(len(able)) as pool:
        for host, failure in zip(able, pool.map(start, able), strict=True):
            if failure is not None:
                tell(f"{host.address} does not join: {failure}")


def _start(cluster: ClusterFile, host: Host, joined: Callable[[], bool]) -> str | None:
    """Do on a worker what the launcher does; return why it failed, or none."""
    until = time.monotonic() + _BUSY_S
    while host.run(_BUSY).returncode == 0 and time.monotonic() < until:  # the launcher is at it
        time.sleep(1)
    while not joined():
        if host.run(_RUNS_RAY).returncode:
            break
        if time.monotonic() > until:
            # Starting would end what runs there, which may be ours under another address.
            return "a Ray runs there that the head does not know by this address; ray stop there ends it."
        time.sleep(1)
    else:
        return None
    token = ensure_token()
    host.run(f"umask 077; mkdir -p {TOKEN_FILE.rpartition('/')[0]}; cat > {TOKEN_FILE}", stdin=token.read_bytes())
    content = launcher_content(cluster, token)
    commands = [
        *content["setup_commands"],
        *(content.get("worker_setup_commands") or ()),
        *content["worker_start_ray_commands"],
    ]
    head = content["provider"]["head_ip"]
    for command in commands:
        done = on_host(host, f"export RAY_HEAD_IP={head}; {command}", timeout_s=_START_S)
        if done.returncode:
            return last_words(done.stdout + done.stderr)
    return None


def _addresses(jobs: Jobs) -> set[str]:
    return {str(node["node_ip"]) for node in jobs.nodes()}


def _versions(host: Host) -> str:
    asked = on_host(host, _VERSIONS)
    return " and ".join(asked.stdout.split("\n")[-3:-1]) if asked.returncode == 0 else "no Ray that its shell finds"


def _address(name: str) -> str:
    try:
        return socket.gethostbyname(name)
    except OSError:
        return name

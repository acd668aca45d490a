"""Start a cluster with Ray's launcher, and take it down so that nothing of it runs on any host."""

import copy
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host, UnreachableError, checks, reach_all
from sweeps.cluster.strict_ssh import FOLDER, write_for_head, write_for_here
from sweeps.resources.token import ENVIRONMENT, TOKEN_FILE, ensure_token

_START_WAIT: Final = {"AUTOSCALER_NODE_START_WAIT_S": "60"}
"""In seconds, where the user has not set it; by itself the launcher waits 15 minutes for a host that is down."""

_LAUNCHER_ENVIRONMENT: Final = {
    **ENVIRONMENT,
    # The default, v2, starts one of several local workers and never the others (Ray 2.60).
    "RAY_UP_enable_autoscaler_v2": "0",
    "RAY_COLOR_MODE": "false",
}
# Prometheus' endpoints would listen on all addresses without asking for the token; a file's command may turn them on.
# The two ports can't be turned off: what can't be bound is noted in Ray's logs, and Ray goes on.
_NO_METRICS: Final = {
    "RAY_enable_metrics_collection": "0",
    "AUTOSCALER_METRIC_PORT": "-1",
    "DASHBOARD_METRIC_PORT": "-1",
}
# As for a Ray on one machine: its folder, where everybody may write, goes into one that nobody else can enter.
_OWN_FOLDER: Final = (
    'if [ -z "$RAY_TMPDIR" ]; then export RAY_TMPDIR=/tmp/simcvd-$(id -u); mkdir -m 700 "$RAY_TMPDIR" 2>/dev/null; '
    'if [ -L "$RAY_TMPDIR" ] || [ ! -O "$RAY_TMPDIR" ]; then echo "$RAY_TMPDIR is somebody else\'s" >&2; exit 1; fi; '
    'chmod 700 "$RAY_TMPDIR"; fi'
)
# Where the file says nothing; Ray's own defaults ask for no token on workers, and show the dashboard to others on AWS.
_STARTS: Final[Mapping[str, Sequence[str]]] = {
    "head_start_ray_commands": (
        "ray stop",
        "ulimit -n 65536; ray start --head --port=6379 --autoscaling-config=~/ray_bootstrap_config.yaml",
    ),
    "worker_start_ray_commands": ("ray stop", "ulimit -n 65536; ray start --address=$RAY_HEAD_IP:6379"),
}
_STARTS_RAY: Final = re.compile(r"\bray start\b")
_UP: Final = "create_or_update_cluster(sys.argv[1], no_config_cache=True)"
# What the launcher noted of own hosts: a head that was set up anew since would get neither token nor setup commands.
_FORGET: Final = "from ray.autoscaler._private.local.config import *; Path(get_state_path({name!r})).unlink(True)"
_DOWN: Final = "teardown_cluster(sys.argv[1])"
_HEAD: Final = """
try:
    print('address', get_head_node_ip(sys.argv[1]))
except RuntimeError as error:
    if 'not found' not in str(error):
        raise
"""
_SHELL: Final = "bash --login -c -i {command}"  # as the launcher's own: it finds what ~/.bashrc puts on the path
_RUNS_HEAD: Final = "pgrep -u $(id -u) -x gcs_server"
_LEFT: Final = "pgrep -u $(id -u) -f '(^|/)(raylet|gcs_server)( |$)|^ray::|ray/(dashboard|_private/runtime_env)/'"


class NoHeadError(UserError):
    """A cloud knows no head of the cluster."""


def head_of(cluster: ClusterFile) -> Host:
    """Return the head; a cloud is asked for its address.

    Raises:
        NoHeadError: the cloud knows no head of this cluster.
        UserError: the cloud can't be asked.
    """
    if (address := cluster.head_ip) is None:
        told = _launcher(cluster, _HEAD, "find the head of")
        found = re.findall(r"^address (\S+)$", told, re.MULTILINE)
        if not found:
            raise NoHeadError(f"The cluster {cluster.name} has no head; simcvd cluster up {cluster.path} starts one.")
        address = str(found[-1])
    return Host(cluster, address)


def check_hosts(cluster: ClusterFile) -> dict[str, Host]:
    """Log in to all own hosts and return the way to each, the head first; a cloud's hosts are not there yet.

    Raises:
        UserError: with the first host that can't be reached.
    """
    ways, unreachable = find_hosts(cluster)
    if unreachable:
        raise UserError(next(iter(unreachable.values())))
    return ways


def find_hosts(cluster: ClusterFile) -> tuple[dict[str, Host], dict[str, str]]:
    """Return the way to each own host, the head first, and why others can't be reached."""
    if (head := cluster.head_ip) is None:
        return {}, {}
    direct = reach_all([Host(cluster, address) for address in (head, *cluster.worker_ips)])
    ways = {host.address: host for host, problem in direct if problem is None}
    missed = {host.address: problem for host, problem in direct if problem is not None}
    if head in ways and cluster.proxy_command is None:
        # Workers of a private network are reached through the head alone.
        for host, problem in reach_all([Host(cluster, address, via=head) for address in missed]):
            if problem is None:
                ways[host.address] = host
                missed.pop(host.address)
    return ways, missed


def refuse_running(head: Host) -> None:
    """Refuse to start Ray where one runs that does not answer: starting ends it, and the sweeps that it may have.

    Raises:
        UserError: one runs.
    """
    if head.run(_RUNS_HEAD).returncode == 0:
        raise UserError(
            f"Ray runs on {head.address}, but its dashboard does not answer at port 8265; try again if it was started "
            f"a moment ago, else simcvd cluster down {head.cluster.path} ends it."
        )


def start(cluster: ClusterFile) -> None:
    """Start Ray on the head, which starts the workers; what ran on the head before is ended.

    Raises:
        UserError: it did not start, with the launcher's last words.
    """
    forget = f"{_FORGET.format(name=cluster.name)}; " if cluster.is_local else ""
    try:
        _launcher(cluster, forget + _UP, "start")
    except UserError:
        if not cluster.is_local:
            _look_at_new_head(cluster)
        raise


def _look_at_new_head(cluster: ClusterFile) -> None:
    """Say what ssh says of a cloud's head, such as another key than before: the launcher keeps it to itself."""
    try:
        head = head_of(cluster)
    except UserError:
        return
    head.run("true")


def stop(cluster: ClusterFile) -> dict[str, str]:
    """Stop Ray on every host; return the hosts on which that is not certain, with the reason.

    Raises:
        UserError: a cloud's hosts could not be ended.
    """
    if not cluster.is_local:
        _launcher(cluster, _DOWN, "take down")
        return {}
    ways, missed = find_hosts(cluster)
    order = [address for address in (cluster.head_ip, *cluster.worker_ips) if address in ways]
    for step in (_stop_ray, _end_what_is_left):  # the head first: its monitor starts workers again
        for address in order:
            try:
                if problem := step(ways[address]):
                    missed[address] = problem
            except UnreachableError as error:
                missed[address] = str(error)
    return missed


def _stop_ray(host: Host) -> str | None:
    on_host(host, "ray stop --grace-period 10", timeout_s=60)
    return None


def _end_what_is_left(host: Host) -> str | None:
    left = on_host(host, f"for i in 1 2 3 4 5 6; do {_LEFT} || exit 0; sleep 1; done; ray stop --force")
    if left.returncode == 0 and not left.stdout.strip():
        return None
    again = host.run(_LEFT)
    if again.returncode or not again.stdout.strip():
        return None
    return f"processes {', '.join(again.stdout.split())} of Ray are still there"


def on_host(host: Host, command: str, *, timeout_s: float = 60.0) -> "subprocess.CompletedProcess[str]":
    """Run a command as Ray's launcher runs its own, which finds what `~/.bashrc` puts on the path."""
    return host.run(_SHELL.format(command=shlex.quote(f"source ~/.bashrc 2>/dev/null; {command}")), timeout_s=timeout_s)


def launcher_content(cluster: ClusterFile, token: Path, heads_ssh: Path | None = None) -> dict[str, Any]:
    """Return the cluster file as the launcher gets it: token on every host, the dashboard on the head's loopback.

    Args:
        cluster: the cluster file.
        token: file with the token.
        heads_ssh: folder with the `ssh` by which the head starts the workers.
    """
    content = copy.deepcopy(cluster.content)
    content["file_mounts"] = {**(content.get("file_mounts") or {}), TOKEN_FILE: str(token)}
    if heads_ssh is not None:
        content["file_mounts"][FOLDER] = str(heads_ssh)
    content["setup_commands"] = [f"chmod 600 {TOKEN_FILE}", *(content.get("setup_commands") or [])]
    for key, usual in _STARTS.items():
        content[key] = [_guarded(command, checked=cluster.is_local) for command in content.get(key) or usual]
    return content


def _guarded(command: str, *, checked: bool) -> str:
    """Return a command in which `ray start` asks for the token, and shows its dashboard and folder to nobody else.

    Args:
        command: of the cluster file.
        checked: whether the head starts the workers by the `ssh` that checks host keys.
    """
    if not _STARTS_RAY.search(command):
        return command
    if "--head" in command and "--dashboard-host" not in command:
        command = _STARTS_RAY.sub("ray start --dashboard-host=127.0.0.1", command, count=1)
    exported = " ".join(f"{key}={value}" for key, value in {**ENVIRONMENT, **_NO_METRICS}.items())
    before = [f"export {exported}"]
    if "--temp-dir" not in command and "RAY_TMPDIR" not in command:
        before.append(_OWN_FOLDER)
    if checked and "--head" in command:
        before.append(f'export PATH="{FOLDER.replace("~", "$HOME")}:$PATH"')
    return "; ".join([*before, command])


def _launcher(cluster: ClusterFile, call: str, verb: str) -> str:
    """Run a function of the launcher in a process of its own, whose environment is set before Ray is imported."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_for_here(folder / "here", checks(cluster))
        heads_ssh = folder / "head" if cluster.is_local else None
        if heads_ssh is not None:
            write_for_head(heads_ssh, [Host(cluster, address) for address in cluster.worker_ips])
        content = launcher_content(cluster, ensure_token(), heads_ssh)
        path_there = f"{folder / 'here'}:{os.environ.get('PATH', os.defpath)}"
        path = folder / "cluster.yaml"
        path.write_text(yaml.safe_dump(content))
        program = f"import sys; from pathlib import Path; from ray.autoscaler.sdk import *\n{call}"
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**_START_WAIT, **os.environ, **_LAUNCHER_ENVIRONMENT, "PATH": path_there},
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise UserError(f"Ray's launcher could not {verb} the cluster {cluster.name}: {last_words(done.stdout)}")
    return done.stdout


def last_words(output: str) -> str:
    """Return the last lines that say something, as one sentence."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    lines = [" ".join(line.split()) for line in plain.splitlines() if re.search(r"[A-Za-z]{3}", line)]
    return " / ".join(lines[-3:])[-400:].rstrip(".") + "."


def expected_nodes(cluster: ClusterFile) -> int:
    """Return how many nodes come up without being asked for, the head among them."""
    if cluster.is_local:
        return 1 + len(cluster.worker_ips)
    types: Mapping[str, Mapping[str, Any]] = cluster.content.get("available_node_types") or {}
    return 1 + sum(int(kind.get("min_workers") or 0) for kind in types.values())


def names(hosts: Sequence[str]) -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    return " and ".join([", ".join(hosts[:-1]), hosts[-1]] if len(hosts) > 1 else hosts)

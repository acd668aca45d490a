"""The launcher checks host keys, here and on the head: what answers in a host's place gets no token."""

import shlex
import time

from tests.cluster import hosts
from tests.cluster.conftest import ADDRESSES

Lab = dict[str, hosts.Host]
START = """
from pathlib import Path
from sweeps.cluster import launch
from sweeps.cluster.cluster_file import load_cluster
launch.start(load_cluster(Path("cluster.yaml")))
"""
"""Without the look at the hosts that comes before it."""


def _start(lab: Lab, wait_s: int) -> str:
    command = f"AUTOSCALER_NODE_START_WAIT_S={wait_s} python -c {shlex.quote(START)}"
    done = lab["client"].run(command, timeout_s=180, check=False)
    return done.stdout + done.stderr


def _has_token(host: hosts.Host) -> bool:
    return host.run("test -e .ray/auth_token", check=False).returncode == 0


def _runs_ray(host: hosts.Host) -> bool:
    return host.run("pgrep -x raylet", check=False).returncode == 0


def test_a_head_and_a_worker_with_keys_that_nobody_knows_get_no_token(lab: Lab, no_ray: None, simcvd) -> None:
    for name in ("head", "first", "second"):
        lab[name].run("rm -rf .ray/auth_token .simcvd")
    lab["client"].run("cp .ssh/known_hosts kept")
    lab["head"].run("mv .ssh/known_hosts kept")  # what the head knows by itself is trusted too
    try:
        lab["client"].run(f"ssh-keygen -q -R {ADDRESSES['head']}")
        told = _start(lab, wait_s=5)
        assert "could not start the cluster test" in told
        assert not _has_token(lab["head"])

        lab["client"].run(f"cp kept .ssh/known_hosts && ssh-keygen -q -R {ADDRESSES['second']}")
        assert "Error" not in _start(lab, wait_s=60)
        log = "cat /tmp/simcvd-0/ray/session_latest/logs/monitor.*"
        until = time.monotonic() + 90
        while not _runs_ray(lab["first"]) or "Host key verification failed" not in lab["head"].run(log).stdout:
            assert time.monotonic() < until, lab["head"].run(log).stdout
            time.sleep(1)
        assert _has_token(lab["head"])
        assert not _has_token(lab["second"])
        for name in ("head", "first"):
            assert lab[name].run("stat -c %a /tmp/simcvd-0").stdout == "700\n"
            assert (
                lab[name].run("find /tmp -maxdepth 1 -name ray; find /tmp/ray_ssh_* -type s 2>/dev/null; true").stdout
                == ""
            )
    finally:
        lab["client"].run("mv kept .ssh/known_hosts")
        lab["head"].run("mv kept .ssh/known_hosts")
        simcvd("cluster down cluster.yaml", timeout_s=120)

"""Down means that nothing of ours runs on any host; what does not come up is told."""

import pytest

from tests.cluster import hosts
from tests.cluster.conftest import ADDRESSES

Lab = dict[str, hosts.Host]

# Asks what each kind of Ray's processes answers, without a token; whether it is alive may be known to all.
ASK = '''
import sys, urllib.error, urllib.request
import grpc
calls = """
    NodeManagerService/GetSystemConfig NodeManagerService/GetNodeStats ReporterService/GetTraceback
    ObjectManagerService/Pull CoreWorkerService/GetCoreWorkerStats RayletDriver/ClusterInfo
    InternalKVGcsService/InternalKVGet NodeInfoGcsService/GetAllNodeInfo
""".split()
def by_grpc(target, call):
    with grpc.insecure_channel(target) as channel:
        try:
            channel.unary_unary("/ray.rpc." + call)(b"", timeout=20)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"
def by_http(target):
    try:
        return urllib.request.urlopen(f"http://{target}/api/jobs/", timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code
for target in sys.argv[1:]:
    found = {by_grpc(target, call) for call in calls}
    found -= {"UNIMPLEMENTED"}  # another process's
    if found == {"UNAVAILABLE"}:
        found = {by_http(target)}
    print(target, "refused" if found in ({"UNAUTHENTICATED"}, {401}) else found)
'''


@pytest.fixture(scope="module", autouse=True)
def _up(lab: Lab) -> None:
    lab["client"].run("simcvd cluster up cluster.yaml", timeout_s=120)


def test_up_is_told_and_does_not_start_again(lab: Lab, simcvd) -> None:
    before = lab["head"].run("pgrep -x gcs_server").stdout
    done = simcvd("cluster up cluster.yaml")
    assert (done.returncode, done.stdout) == (0, f"test is up, its head is {ADDRESSES['head']}.\n")
    assert lab["head"].run("pgrep -x gcs_server").stdout == before
    told = simcvd("cluster status cluster.yaml").stdout
    assert "3 of 3 hosts are up, no sweep runs" in told
    assert all(ADDRESSES[name] in told for name in ("head", "first", "second"))


def _listening(host: hosts.Host, which: str = "") -> list[str]:
    """Return the addresses and ports that a host's processes listen on."""
    only = f"'sport = {which}'" if which else ""
    return [line.split()[3] for line in host.run(f"ss -Hltn {only}").stdout.splitlines()]


def test_who_may_connect(lab: Lab) -> None:
    """The dashboard listens on the head's loopback alone; every port that others can reach asks for the token."""
    assert _listening(lab["head"], ":8265") == ["127.0.0.1:8265"]
    ask = "curl -s -o /dev/null -w '%{{http_code}}' {}http://127.0.0.1:8265/api/jobs/"
    assert lab["head"].run(ask.format("")).stdout == "401"
    token = '-H "Authorization: Bearer $(cat .ray/auth_token)" '
    assert lab["head"].run(ask.format(token)).stdout == "200"
    lab["client"].run(f"cat > ask.py <<'END'\n{ASK}\nEND")
    for name in ("head", "first", "second"):
        public = {at.rpartition(":")[2] for at in _listening(lab[name]) if "127.0.0.1" not in at} - {"22"}
        assert len(public) >= 5, name
        targets = " ".join(f"{ADDRESSES[name]}:{port}" for port in public)
        answers = lab["client"].run(f"python ask.py {targets}", timeout_s=120).stdout.splitlines()
        print(*answers, sep="\n")
        assert [line.split()[1:] for line in answers] == [["refused"]] * len(public)
    join = "env -u RAY_AUTH_MODE RAY_AUTH_TOKEN_PATH=/nothing timeout 30 ray start --address={}:6379"
    assert lab["client"].run(join.format(ADDRESSES["head"]), check=False).returncode != 0


def test_down_leaves_nothing(lab: Lab, simcvd) -> None:
    done = simcvd("cluster down cluster.yaml")
    assert done.returncode == 0, done.stderr
    for name in ("head", "first", "second"):
        running = lab[name].run("ps -eo args --no-headers").stdout.splitlines()
        left = [line for line in running if "ray" in line or "simcvd" in line]
        assert left == [], name
    assert "no sweep runs" in simcvd("cluster status cluster.yaml").stdout
    again = simcvd("cluster down cluster.yaml")
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
def test_a_worker_without_ray_is_told_and_does_not_hold_the_others_up(lab: Lab, simcvd) -> None:
    simcvd("cluster down cluster.yaml")
    second = lab["second"]
    second.run("mv .bashrc kept; echo 'PATH=/usr/bin:/bin' > .bashrc")
    try:
        done = simcvd("cluster up cluster.yaml")
    finally:
        second.run("mv kept .bashrc")
    print(done.stderr)
    assert done.returncode == 0
    assert f"{ADDRESSES['second']} does not join: it has no Ray that its shell finds" in done.stderr
    assert "2 of 3 hosts are up" in done.stderr
    simcvd("cluster down cluster.yaml")

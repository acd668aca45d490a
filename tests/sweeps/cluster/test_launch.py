import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host
from sweeps.cluster.launch import (
    check_hosts,
    expected_nodes,
    find_hosts,
    head_of,
    last_words,
    launcher_content,
    names,
    refuse_running,
    start,
    stop,
)


def test_every_ray_of_a_cluster_asks_for_the_token_and_the_head_alone_sees_its_dashboard(cluster: ClusterFile) -> None:
    commands = {
        "head_start_ray_commands": ["ray stop", "ulimit -n 9; ray start --head --port=6379"],
        "worker_start_ray_commands": ["ray start --address=$RAY_HEAD_IP:6379"],
    }
    given = ClusterFile(cluster.path, cluster.name, cluster.provider, {**cluster.content, **commands})
    content = launcher_content(given, Path("/home/me/token"), Path("/made/ssh"))
    assert content["file_mounts"] == {"~/.ray/auth_token": "/home/me/token", "~/.simcvd/ssh": "/made/ssh"}
    assert content["setup_commands"][0] == "chmod 600 ~/.ray/auth_token"
    stopping, head = content["head_start_ray_commands"]
    (worker,) = content["worker_start_ray_commands"]
    assert stopping == "ray stop"
    assert head.endswith("; ulimit -n 9; ray start --dashboard-host=127.0.0.1 --head --port=6379")
    assert worker.endswith("; ray start --address=$RAY_HEAD_IP:6379")
    assert all("export RAY_AUTH_MODE=token" in command for command in (head, worker))
    assert ['PATH="$HOME/.simcvd/ssh:$PATH"' in command for command in (stopping, head, worker)] == [False, True, False]
    assert given.content["head_start_ray_commands"] == commands["head_start_ray_commands"], "the file stays as it is"


@pytest.mark.parametrize("provider", ["local", "aws"])
def test_a_file_that_leaves_rays_commands_out_is_as_closed_as_another(cluster: ClusterFile, provider: str) -> None:
    content = launcher_content(ClusterFile(cluster.path, cluster.name, provider, cluster.content), Path("token"))
    *_, head = content["head_start_ray_commands"]
    *_, worker = content["worker_start_ray_commands"]
    assert "ray start --dashboard-host=127.0.0.1 --head --port=6379" in head
    assert all("export RAY_AUTH_MODE=token" in command for command in (head, worker))


def _start(cluster: ClusterFile, command: str) -> str:
    content = {**cluster.content, "worker_start_ray_commands": [command]}
    [guarded] = launcher_content(
        ClusterFile(cluster.path, cluster.name, cluster.provider, content), Path("token"), None
    )["worker_start_ray_commands"]
    return str(guarded)


def test_ray_on_a_host_has_a_folder_that_nobody_else_can_enter(cluster: ClusterFile, fake_program) -> None:
    with TemporaryDirectory(prefix="x", dir="/tmp") as base:
        Path(base).chmod(0o1777)
        own = Path(base) / f"simcvd-{os.geteuid()}"
        fake_program("ray", 'echo "$RAY_TMPDIR"')
        command = _start(cluster, "ray start --address=$RAY_HEAD_IP:6379").replace("/tmp/", f"{base}/")

        def run(given: str = "") -> "subprocess.CompletedProcess[str]":
            variables = {"PATH": os.environ["PATH"]} | ({"RAY_TMPDIR": given} if given else {})
            return subprocess.run(["bash", "-c", command], env=variables, capture_output=True, text=True, check=False)

        for mode in (None, 0o777):
            if mode is not None:
                own.chmod(mode)
            assert run().stdout == f"{own}\n"
            assert own.stat().st_mode & 0o777 == 0o700
        assert run("/scratch/own").stdout == "/scratch/own\n"
        own.rmdir()
        (Path(base) / "elsewhere").mkdir()
        own.symlink_to(Path(base) / "elsewhere")
        refused = run()
        assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"{own} is somebody else's\n")


@pytest.mark.parametrize(
    "chosen", ["RAY_TMPDIR=/scratch/me ray start --head", "ray start --head --temp-dir=/scratch/me"]
)
def test_a_folder_that_the_file_chooses_for_ray_stays(cluster: ClusterFile, chosen: str) -> None:
    assert "/tmp/simcvd" not in _start(cluster, chosen)
    assert "/tmp/simcvd" in _start(cluster, "ray start --head")


@pytest.fixture
def launched(cluster: ClusterFile, fake_ssh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Start a cluster with a stand-in for the launcher's process; return what it was given and which ssh it finds."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("sweeps.cluster.strict_ssh.known_keys", lambda host: [f"{host.address} KEY"])

    def start_as(provider: str, *, code: int = 0) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        run = subprocess.run

        def launcher(command: list[str], **given: Any) -> Any:
            if command[0] != sys.executable:
                return run(command, **given)
            seen["content"] = yaml.safe_load(Path(command[-1]).read_text())
            seen["ssh"] = Path(str(shutil.which("ssh", path=given["env"]["PATH"]))).read_text()
            mounted = seen["content"]["file_mounts"].get("~/.simcvd/ssh")
            seen["head"] = mounted and {path.name: path.read_text() for path in Path(mounted).iterdir()}
            ended = 0 if "get_head_node_ip" in command[2] else code
            return subprocess.CompletedProcess(command, ended, "address 10.0.0.1\n", "")

        monkeypatch.setattr(subprocess, "run", launcher)
        start(ClusterFile(cluster.path, cluster.name, provider, cluster.content))
        return seen

    return start_as


def test_the_launcher_finds_an_ssh_that_checks_host_keys_and_so_does_the_head(launched) -> None:
    seen = launched("local")
    assert "StrictHostKeyChecking=yes" in seen["ssh"]
    assert "StrictHostKeyChecking=yes" in seen["head"]["ssh"]
    assert seen["head"]["known_hosts"] == "10.0.0.2 KEY\n10.0.0.3 KEY\n"


def test_a_clouds_new_head_is_taken_as_it_is_and_must_stay_the_same(launched) -> None:
    seen = launched("aws")
    assert "StrictHostKeyChecking=accept-new" in seen["ssh"]
    assert seen["head"] is None


def test_what_ssh_says_of_a_clouds_head_is_told_where_the_launcher_fails(launched, fake_ssh) -> None:
    fake_ssh("echo 'REMOTE HOST IDENTIFICATION HAS CHANGED' >&2; exit 255")
    with pytest.raises(UserError, match=r"10\.0\.0\.1 has another host key than before"):
        launched("aws", code=1)
    fake_ssh("exit 0")
    with pytest.raises(UserError, match="Ray's launcher could not start the cluster lab"):
        launched("aws", code=1)


def test_a_worker_that_the_head_alone_reaches_is_reached_over_it(cluster: ClusterFile, fake_ssh) -> None:
    fake_ssh('case "$*" in *10.0.0.3*) exit 255;; *ProxyCommand*) exit 0;; *10.0.0.2*) exit 255;; esac')
    ways, missed = find_hosts(cluster)
    assert {address: host.via for address, host in ways.items()} == {"10.0.0.1": None, "10.0.0.2": "10.0.0.1"}
    assert list(missed) == ["10.0.0.3"]
    with pytest.raises(UserError, match=r"10\.0\.0\.3 can't be reached"):
        check_hosts(cluster)


def test_a_ray_that_does_not_answer_is_not_ended_by_starting(cluster: ClusterFile, fake_ssh) -> None:
    head = head_of(cluster)
    assert head == Host(cluster, "10.0.0.1")
    fake_ssh("exit 1")
    refuse_running(head)
    fake_ssh("echo 1234")
    with pytest.raises(UserError, match=r"Ray runs on 10\.0\.0\.1, but its dashboard does not answer"):
        refuse_running(head)


def test_a_cluster_is_down_where_no_process_of_ray_is_left(cluster: ClusterFile, fake_ssh, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    fake_ssh(f"""echo "$*" >> {asked}
case "$*" in *10.0.0.3*) exit 255;; *10.0.0.2*pgrep*) echo 7; echo 8;; *pgrep*) exit 0;; esac""")
    missed = stop(cluster)
    assert missed["10.0.0.2"] == "processes 7, 8 of Ray are still there"
    assert "can't be reached" in missed["10.0.0.3"]
    assert list(missed) == ["10.0.0.3", "10.0.0.2"]
    stops = [line for line in asked.read_text().splitlines() if "ray stop --grace-period" in line]
    assert ["10.0.0.1" in line for line in stops] == [True, False], "the head first: it starts workers again"


def test_nodes_that_come_up_unasked_are_counted(cluster: ClusterFile) -> None:
    assert expected_nodes(cluster) == 3
    kinds = {"available_node_types": {"head": {}, "small": {"min_workers": 2}, "large": {"min_workers": 1}}}
    assert expected_nodes(ClusterFile(cluster.path, "lab", "aws", kinds)) == 4


def test_the_launchers_last_words_are_one_sentence() -> None:
    output = "first\n\x1b[31mGot it\x1b[0m\n--------\n  Shared connection\n 12 %\nNo such host.\n"
    assert last_words(output) == "Got it / Shared connection / No such host."


@pytest.mark.parametrize(("hosts", "told"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_hosts_are_named_in_a_sentence(hosts: list[str], told: str) -> None:
    assert names(hosts) == told

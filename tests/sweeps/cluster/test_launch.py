from pathlib import Path

import pytest

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
    stop,
)


def test_every_ray_of_a_cluster_asks_for_the_token_and_the_head_alone_sees_its_dashboard(cluster: ClusterFile) -> None:
    commands = {
        "head_start_ray_commands": ["ray stop", "ulimit -n 9; ray start --head --port=6379"],
        "worker_start_ray_commands": ["ray start --address=$RAY_HEAD_IP:6379"],
    }
    given = ClusterFile(cluster.path, cluster.name, cluster.provider, {**cluster.content, **commands})
    content = launcher_content(given, Path("/home/me/token"))
    assert content["file_mounts"] == {"~/.ray/auth_token": "/home/me/token"}
    assert content["setup_commands"][0] == "chmod 600 ~/.ray/auth_token"
    stopping, head = content["head_start_ray_commands"]
    (worker,) = content["worker_start_ray_commands"]
    assert stopping == "ray stop"
    assert head.endswith("; ulimit -n 9; ray start --dashboard-host=127.0.0.1 --head --port=6379")
    assert worker.endswith("; ray start --address=$RAY_HEAD_IP:6379")
    assert all("export RAY_AUTH_MODE=token" in command for command in (head, worker))
    assert given.content["head_start_ray_commands"] == commands["head_start_ray_commands"], "the file stays as it is"


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

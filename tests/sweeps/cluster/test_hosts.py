import pytest

from simcvd.errors import UserError
from sweeps.cluster.hosts import Host, reach_all


def test_own_hosts_are_reached_by_known_keys_only(cluster):
    command = Host(cluster, "10.0.0.1").ssh()
    assert "StrictHostKeyChecking=yes" in command
    assert "BatchMode=yes" in command
    assert command[-1] == "me@10.0.0.1"


def test_a_worker_behind_the_head_is_reached_over_it(cluster):
    (way,) = [part for part in Host(cluster, "10.0.0.2", via="10.0.0.1").ssh() if part.startswith("ProxyCommand=")]
    assert way.removeprefix("ProxyCommand=").split() == [*Host(cluster, "10.0.0.1").ssh("-W", "%h:%p")]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Host key verification failed.", "The host key of 10.0.0.1 is not known here; log in once by hand"),
        ("me@10.0.0.1: Permission denied (publickey).", "10.0.0.1 refuses me with ssh's default keys"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "another host key than before"),
        ("ssh: connect to host 10.0.0.1 port 22: No route to host", "can't be reached (ssh: connect to host 10.0.0.1"),
    ],
)
def test_what_ssh_says_becomes_one_sentence(cluster, fake_ssh, said, told):
    fake_ssh(f"echo '{said}' >&2; exit 255")
    with pytest.raises(UserError) as caught:
        Host(cluster, "10.0.0.1").run("true")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_how_a_command_ends_there_is_returned(cluster, fake_ssh):
    fake_ssh("cat; exit 3")
    done = Host(cluster, "10.0.0.1").run("any", stdin=b"given")
    assert (done.returncode, done.stdout) == (3, "given")


def test_a_silent_host_is_given_up(cluster, fake_ssh):
    fake_ssh("exec sleep 5")
    with pytest.raises(UserError, match=r"10.0.0.1 did not answer within 0 s"):
        Host(cluster, "10.0.0.1").run("true", timeout_s=0.2)


def test_all_hosts_are_tried(cluster, fake_ssh):
    fake_ssh('case "$*" in *10.0.0.2*) exit 255;; esac')
    found = reach_all([Host(cluster, "10.0.0.1"), Host(cluster, "10.0.0.2")])
    assert [problem is None for _, problem in found] == [True, False]

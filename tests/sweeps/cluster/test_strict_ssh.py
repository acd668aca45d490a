import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.cluster.hosts import Host
from sweeps.cluster.strict_ssh import known_keys, write_for_head, write_for_here

LAUNCHERS = (
    *("-tt", "-i", "/keys/one", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
    *("-o", "ControlMaster=auto", "-o", "ControlPath=/tmp/ray_ssh_1/2/%C", "me@10.0.0.1", "echo 'a  b' | cat; $HOME"),
)
"""How Ray's launcher calls ssh."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43


@pytest.fixture
def told(fake_ssh, monkeypatch):
    """Return what the system's ssh is told where ours goes before it, line by line."""
    fake_ssh('printf "%s\\n" "$@"')

    def run(folder: Path, *arguments: str, program: str = "ssh") -> list[str]:
        path = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": "/home/me"}
        return subprocess.run([program, *arguments], env=path, capture_output=True, text=True).stdout.splitlines()

    return run


@pytest.mark.parametrize("checks", ["yes", "accept-new"])
def test_the_launchers_ssh_checks_host_keys_as_our_own_does(told, tmp_path: Path, checks: str) -> None:
    write_for_here(tmp_path / "a b", checks)
    found = told(tmp_path / "a b", *LAUNCHERS)
    expected = list(LAUNCHERS)
    expected[4], expected[6], expected[10] = f"StrictHostKeyChecking={checks}", "BatchMode=yes", "ControlPath=none"
    assert found == expected


def test_rsync_of_the_launcher_goes_the_same_way(fake_ssh, tmp_path: Path) -> None:
    rsync = shutil.which("rsync")
    if rsync is None:
        pytest.skip("needs rsync")
    fake_ssh(f'printf "%s\\n" "$@" > {tmp_path}/told; exit 1')
    write_for_here(tmp_path / "ours", "yes")
    shell = subprocess.list2cmdline(["ssh", *LAUNCHERS[1:11]])
    path = {"PATH": f"{tmp_path / 'ours'}:{os.environ['PATH']}"}
    command = [rsync, "--rsh", shell, "-avz", f"{tmp_path}/", "me@10.0.0.1:there"]
    assert subprocess.run(command, env=path, capture_output=True, check=False).returncode != 0
    found = (tmp_path / "told").read_text().splitlines()
    assert found[:6] == ["-i", "/keys/one", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]


def test_another_call_meets_the_systems_ssh_as_it_is(told, tmp_path: Path) -> None:
    write_for_here(tmp_path / "ours", "yes")
    other = ["-o", "UserKnownHostsFile=/etc/lab", "-o", "ControlPath=~/.ssh/%C", "-v", "host", ""]
    assert told(tmp_path / "ours", *other) == other


def test_without_another_ssh_it_says_so_and_does_not_call_itself(tmp_path: Path) -> None:
    write_for_here(tmp_path / "ours", "yes")
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    for tool in ("sh", "dirname"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    path = {"PATH": f"{tmp_path / 'link'}:{tmp_path / 'ours'}:{tmp_path / 'bin'}"}
    done = subprocess.run([tmp_path / "ours" / "ssh", "host"], env=path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (127, "There is no ssh on this machine; install OpenSSH's client.\n")


def test_where_programs_can_not_be_run_the_launcher_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # as on a disk that is mounted so
    with pytest.raises(UserError, match=f"Programs can't be run from {tmp_path}, .* set TMPDIR"):
        write_for_here(tmp_path / "ours", "yes")


def test_the_head_goes_by_the_keys_that_this_machine_knows(told, cluster, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sweeps.cluster.strict_ssh.known_keys", lambda host: [f"{host.address} {KEY}"])
    write_for_head(tmp_path / "head", [Host(cluster, "10.0.0.2"), Host(cluster, "10.0.0.3")])
    assert (tmp_path / "head" / "known_hosts").read_text() == f"10.0.0.2 {KEY}\n10.0.0.3 {KEY}\n"
    found = told(tmp_path / "head", *LAUNCHERS)
    assert "StrictHostKeyChecking=yes" in found
    assert f'UserKnownHostsFile="{tmp_path}/head/known_hosts" ~/.ssh/known_hosts' in found


@pytest.fixture
def knowing(fake_program, tmp_path: Path):
    """Let this machine's ssh know hosts, by lines of its file, with further settings of its configuration."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen")

    def know(*lines: str, settings: str = "hostname 10.0.0.2\nport 22") -> None:
        (tmp_path / "known").write_text("".join(f"{line}\n" for line in lines))
        told = f"{settings}\nuserknownhostsfile {tmp_path}/known {tmp_path}/absent\nglobalknownhostsfile /absent"
        fake_program("ssh", f"case $* in *-G*) printf '%s\\n' '{told}';; esac")

    return know


def test_a_hosts_keys_are_those_of_the_users_own_file(knowing, cluster) -> None:
    knowing(f"10.0.0.2,worker {KEY}", f"10.0.0.3 {KEY}", f"@cert-authority 10.0.0.* {KEY} the lab's")
    assert known_keys(Host(cluster, "10.0.0.2")) == [f"10.0.0.2 {KEY}", f"@cert-authority 10.0.0.2 {KEY} the lab's"]
    knowing(f"10.0.0.9 {KEY}")
    assert known_keys(Host(cluster, "10.0.0.2")) == []


def test_a_hashed_line_is_found_and_told_under_the_hosts_address(knowing, cluster, tmp_path: Path) -> None:
    knowing(f"10.0.0.2 {KEY}")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", tmp_path / "known"], check=True, capture_output=True)
    assert "10.0.0.2" not in (tmp_path / "known").read_text()
    assert known_keys(Host(cluster, "10.0.0.2")) == [f"10.0.0.2 {KEY}"]


def test_a_host_is_looked_up_as_ssh_does(knowing, cluster) -> None:
    knowing(f"[worker.lab]:2222 {KEY}", settings="hostname worker.lab\nport 2222")
    assert known_keys(Host(cluster, "10.0.0.2")) == [f"10.0.0.2,[10.0.0.2]:2222 {KEY}"]
    knowing(f"second {KEY}", settings="hostname worker.lab\nport 22\nhostkeyalias second")
    assert known_keys(Host(cluster, "10.0.0.2")) == [f"10.0.0.2 {KEY}"]

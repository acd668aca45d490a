"""Hosts on one machine: a network namespace each on a bridge, with processes, mounts, name and home of its own."""

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

LAB = os.environ.get("SIMCVD_LAB", "0")
"""Number of this lab, 0 to 255: several on a machine must differ."""

SUBNET = f"10.77.{LAB}"
_PREFIX = f"simcvd{LAB}"
_SWITCH = f"{_PREFIX}-switch"
SHARED = Path("/mnt/shared")
HOME = pwd.getpwuid(0).pw_dir
"""Of root, on each host as on the machine."""

TOOLS = ("ip", "unshare", "nsenter", "setpriv", "mount", "sshd", "ssh", "ssh-keygen", "rsync")
_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"
_VENV = Path(sys.prefix)
_REPOSITORY = Path(__file__).parents[2]

# Runs as the first process of a host. What the machine has in the hidden places is gone, but for what is bound again.
_BOOT = """
set -e
hostname "$NAME"
mount --make-rprivate /
mount -t tmpfs none /mnt
mkdir -p /mnt/real /mnt/shared
mount --rbind / /mnt/real
mount --bind "$SHARED" /mnt/shared
hidden="/tmp $HOME_OF_ROOT /dev/shm /run"
for over in $hidden; do mount -t tmpfs none $over; done
chmod 1777 /tmp /dev/shm
chmod 700 "$HOME_OF_ROOT"
for place in $VISIBLE; do
  for over in $hidden; do
    case $place in "$over"/*) mkdir -p $place; mount --bind /mnt/real$place $place; break;; esac
  done
done
umount -l /mnt/real
mount --bind "$FOLDER/hosts" /etc/hosts
mkdir -p /run/sshd "$HOME_OF_ROOT/.ssh" "$HOME_OF_ROOT/.ray"
cp "$FOLDER/ssh/"* "$HOME_OF_ROOT/.ssh/"
chmod 600 "$HOME_OF_ROOT/.ssh/"*
echo "export PATH=$VENV/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" > "$HOME_OF_ROOT/.bashrc"
echo "export GLOO_SOCKET_IFNAME=eth0" >> "$HOME_OF_ROOT/.bashrc"
exec /usr/sbin/sshd -D -e -f "$FOLDER/sshd.conf" -h "$FOLDER/key-$NAME" -o PidFile=none
"""
_SSHD = """
Port 22
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
AuthorizedKeysFile .ssh/authorized_keys
MaxStartups 100
MaxSessions 100
"""


class Host:
    """One host.

    Attributes:
        name: its name.
        address: its address.
        pid: of its first process, as the machine sees it.
    """

    def __init__(self, folder: Path, name: str, address: str) -> None:
        self.name, self.address = name, address
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def command(self, *arguments: str) -> list[str]:
        """Return what runs a command on it, at home and with its environment."""
        environment = [
            "env",
            "-i",
            f"HOME={HOME}",
            "USER=root",
            "LOGNAME=root",
            "TERM=dumb",
            "LANG=C.UTF-8",
            f"PATH={_VENV}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "RAY_worker_niceness=0",
        ]
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", f"--wdns={HOME}"]
        return [*enter, *environment, *arguments]

    def run(self, command: str, *, timeout_s: float = 60, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a shell command on it."""
        return subprocess.run(
            self.command("bash", "-c", command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=check,
        )

    def cut(self) -> None:
        """Cut it off from the network."""
        _sbin("ip", "-n", _SWITCH, "link", "set", f"to-{self.name}", "down")

    def mend(self) -> None:
        """Connect it again."""
        _sbin("ip", "-n", _SWITCH, "link", "set", f"to-{self.name}", "up")

    def boot(self) -> None:
        """Start it, with an empty home and without any process of before."""
        environment = {
            "NAME": self.name,
            "SHARED": str(self._folder / "shared"),
            "FOLDER": str(self._folder),
            "HOME_OF_ROOT": HOME,
            "VENV": str(_VENV),
            "VISIBLE": " ".join(map(str, [_VENV, _REPOSITORY, self._folder, Path(sys.base_prefix)])),
            "PATH": _SBIN,
        }
        # However the tests end, the host ends with them.
        bound = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{_PREFIX}-{self.name}"]
        apart = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*bound, *apart, "bash", "-c", _BOOT],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.pid = _first_process(self._process)
        _until_reachable(self)

    def kill(self) -> None:
        """End everything on it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def missing() -> str | None:
    """Return why hosts can't be made here, or none."""
    if os.geteuid() != 0:
        return "needs root"
    if absent := [tool for tool in TOOLS if shutil.which(tool, path=_SBIN) is None]:
        return f"needs {', '.join(absent)}"
    tried = subprocess.run(["unshare", "--net", "--mount", "--uts", "--pid", "--ipc", "--fork", "true"], check=False)
    return "needs network namespaces" if tried.returncode else None


@contextmanager
def made(folder: Path, names: Sequence[str]) -> Iterator[dict[str, Host]]:
    """Make hosts that reach one another by ssh with one key, and share a folder.

    Args:
        folder: for their keys; what they share is in `folder/shared`, which each sees as `SHARED`.
        names: theirs, the first one gets the lowest address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shared").mkdir(exist_ok=True)
    addresses = {name: f"{SUBNET}.{number}" for number, name in enumerate(names, 11)}
    _write_keys(folder, addresses)
    with ExitStack() as stack:
        _remove_old(names)
        stack.callback(_remove_old, names)
        _sbin("ip", "netns", "add", _SWITCH)
        _sbin("ip", "-n", _SWITCH, "link", "add", "bridge", "type", "bridge")
        _sbin("ip", "-n", _SWITCH, "link", "set", "bridge", "up")
        hosts = {}
        for name, address in addresses.items():
            hosts[name] = stack.enter_context(_host(folder, name, address))
        yield hosts


@contextmanager
def _host(folder: Path, name: str, address: str) -> Iterator[Host]:
    space = f"{_PREFIX}-{name}"
    _sbin("ip", "netns", "add", space)
    _sbin("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", f"to-{name}", "netns", _SWITCH)
    _sbin("ip", "-n", _SWITCH, "link", "set", f"to-{name}", "master", "bridge", "up")
    for command in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
        _sbin("ip", "-n", space, *command.split())
    host = Host(folder, name, address)
    try:
        host.boot()
        yield host
    finally:
        host.kill()


def _first_process(unshare: "subprocess.Popen[bytes]") -> int:
    """Return the process that unshare forked."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise RuntimeError("a host has no process")


def _until_reachable(host: Host) -> None:
    until = time.monotonic() + 20
    while True:
        tried = host.run(f"ssh -o BatchMode=yes root@{host.address} true", check=False)
        if tried.returncode == 0:
            return
        if time.monotonic() > until:
            raise RuntimeError(f"the host {host.name} does not let in: {tried.stderr}")
        time.sleep(0.1)


def _write_keys(folder: Path, addresses: dict[str, str]) -> None:
    ssh = folder / "ssh"
    ssh.mkdir()
    known = []
    for path in (ssh / "id_ed25519", *(folder / f"key-{name}" for name in addresses)):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    shutil.copy(ssh / "id_ed25519.pub", ssh / "authorized_keys")
    for name, address in addresses.items():
        kind, key, _ = (folder / f"key-{name}.pub").read_text().split()
        known.append(f"{address},{name} {kind} {key}\n")
    (ssh / "known_hosts").write_text("".join(known))
    (folder / "sshd.conf").write_text(_SSHD)
    lines = [f"{address} {name}\n" for name, address in addresses.items()]
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(lines))


def _remove_old(names: Sequence[str]) -> None:
    there = _sbin("ip", "netns", "list").stdout
    for space in (_SWITCH, *(f"{_PREFIX}-{name}" for name in names)):
        if space in there.split():
            _sbin("ip", "netns", "del", space)


def _sbin(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, env={"PATH": _SBIN}, check=True, capture_output=True, text=True)

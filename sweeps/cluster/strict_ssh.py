"""An `ssh` that goes before the system's on the path of Ray's launcher, which itself asks ssh to check no host keys.

It changes three options of the launcher and nothing else, so whatever calls it otherwise meets the system's ssh.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from sweeps.cluster.hosts import NO_SSH, Host

FOLDER: Final = "~/.simcvd/ssh"
"""On the head, which starts the workers."""

_KNOWN: Final = "known_hosts"
_PROGRAM: Final = """\
#!/bin/sh
# Goes before the system's ssh on the path of Ray's launcher, which asks it to check no host keys: here it checks them.
here=$(dirname "$0")
for argument do
  shift
  case $argument in
    StrictHostKeyChecking=no) argument=StrictHostKeyChecking={checks} ;;
    UserKnownHostsFile=/dev/null) argument={known} ;;
    ControlPath=/tmp/*) argument=ControlPath=none ;; # another user may have put a socket there
  esac
  set -- "$@" "$argument"
done
IFS=:
for folder in $PATH; do
  [ "$folder" -ef "$here" ] || [ ! -x "$folder/ssh" ] || exec "$folder/ssh" "$@"
done
echo "There is no ssh on this machine; install OpenSSH's client." >&2
exit 127
"""
_AS_CONFIGURED: Final = "BatchMode=yes"
"""In place of a file of known hosts: the user's own stays, and nothing is asked, as in all our ssh."""


def write_for_here(folder: Path, checks: str) -> None:
    """Write the program for this machine; it goes by what hosts the user's ssh knows.

    Args:
        folder: goes first on the launcher's path.
        checks: ssh's `StrictHostKeyChecking`.

    Raises:
        UserError: programs can't be run from the folder, so that the launcher would use the system's ssh.
    """
    _write(folder, _PROGRAM.format(checks=checks, known=_AS_CONFIGURED))
    if not os.access(folder / "ssh", os.X_OK):
        raise UserError(
            f"Programs can't be run from {folder.parent}, and Ray's launcher needs one that checks host keys; set "
            "TMPDIR to a folder on a disk that allows it."
        )


def write_for_head(folder: Path, workers: Sequence[Host]) -> None:
    """Write the program for the head, with the keys by which this machine knows the workers.

    Args:
        folder: what becomes `FOLDER` on the head.
        workers: the hosts that it logs in to.
    """
    known = f'UserKnownHostsFile="\\"$here/{_KNOWN}\\" ~/.ssh/known_hosts"'
    _write(folder, _PROGRAM.format(checks="yes", known=known))
    lines = [line for worker in workers for line in known_keys(worker)]
    (folder / _KNOWN).write_text("".join(f"{line}\n" for line in lines))


def known_keys(host: Host) -> list[str]:
    """Return the lines by which this machine's ssh knows a host, under the address that the cluster file has."""
    settings = dict(line.partition(" ")[::2] for line in _told(host.ssh("-G")))
    port, alias = settings.get("port", "22"), settings.get("hostkeyalias")
    name = settings.get("hostname", host.address)
    looked_up = alias or (name if port == "22" else f"[{name}]:{port}")
    shown = host.address if port == "22" else f"{host.address},[{host.address}]:{port}"
    files = f"{settings.get('userknownhostsfile', '')} {settings.get('globalknownhostsfile', '')}".split()
    found = dict.fromkeys(line for file in files for line in _lines_of(looked_up, Path(file).expanduser()))
    return [_under(line, shown) for line in found]


def _lines_of(name: str, file: Path) -> Iterator[str]:
    if file.is_file():
        yield from (line for line in _told(["ssh-keygen", "-F", name, "-f", str(file)]) if not line.startswith("#"))


def _under(line: str, names: str) -> str:
    """Return a line of known hosts with other names, which may be hashed there."""
    words = line.split()
    place = 1 if words[0].startswith("@") else 0  # a marker such as @cert-authority
    return " ".join([*words[:place], names, *words[place + 1 :]])


def _told(command: Sequence[str]) -> list[str]:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UserError(NO_SSH) from error
    return [line for line in done.stdout.splitlines() if line.strip()]


def _write(folder: Path, program: str) -> None:
    folder.mkdir(parents=True)
    (folder / "ssh").write_text(program)
    (folder / "ssh").chmod(0o755)

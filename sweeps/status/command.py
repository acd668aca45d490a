"""The command that runs a sweep, as another one sees it: whether it lives, where, and how many trials it runs."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simcvd.files import write_file
from sweeps.status.lock import holder_of, is_held

SLOTS_FILE: Final = "slots.txt"
"""In the scratch folder of a command, `RUNS/sweeps/NAME/ray/HOST-PID/`."""


@dataclass(frozen=True)
class SweepCommand:
    """What is known of the command that runs a sweep, or ran it last.

    Attributes:
        alive: whether it holds the sweep.
        host: machine that it runs or ran on; None where no command was there yet.
        pid: its process there.
        slots: trials that it runs side by side; None where it has not said so.
    """

    alive: bool
    host: str | None = None
    pid: int | None = None
    slots: int | None = None

    def sentence(self, slots: int, active: int) -> str:
        """Say whether the sweep is run.

        Args:
            slots: trials that run side by side.
            active: trials that run now, whoever runs them.
        """
        again = "run the same command again to continue"
        if self.alive:
            where = f"process {self.pid} on {self.host}" if self.pid else "a command"
            return f"Run by {where}, {slots} trial{'' if slots == 1 else 's'} at a time"
        if active and self.host not in {None, socket.gethostname()}:
            return f"Run on {self.host}, as far as its logs tell: that machine's locks can't be seen from here"
        if active:
            return f"Its own command is not running, but another one runs {active} of its trials; {again}"
        return f"Not running; {again}"


def read_command(folder: Path) -> SweepCommand:
    """Read what the lock, or the store, and the scratch folder in `RUNS/sweeps/NAME` say."""
    try:
        holder = holder_of(folder)
        host, pid = str(holder["host"]), int(holder["pid"])
    except (ValueError, TypeError, KeyError):
        host, pid = None, None
    alive = is_held(folder)
    return SweepCommand(alive, host, pid, _slots(folder) if alive else None)


def write_slots(scratch: Path, slots: int) -> None:
    """Say in a command's scratch folder how many trials it runs side by side; appears whole."""
    # Not durable: it speaks of a command that lives.
    write_file(scratch / SLOTS_FILE, f"{slots}\n", durable=False)


def _slots(folder: Path) -> int | None:
    for path in (folder / "ray").glob(f"*/{SLOTS_FILE}"):
        try:
            return int(path.read_text())
        except (OSError, ValueError):
            continue
    return None

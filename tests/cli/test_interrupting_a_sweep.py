"""Ctrl-C in a terminal while `simcvd sweep` runs: the real command, in a pseudo-terminal of its own."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

COLUMNS = 60
SETTINGS = ("training.steps=2000", "data.crop_vox=16x16x16", "inference.stride_vox=16x16x16", "projection.pool_size=4")
STEPS = re.compile(rb"running\W.{0,20}?[1-9]\d*/2000", re.DOTALL)


def _drive(runs: Path, presses: int) -> tuple[int, str]:
    """Start a sweep, press Ctrl-C once it makes steps, and return its exit code and all that the terminal got."""
    changes = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-c", "import cli; cli.main()", "sweep", "dropout", "--out", str(runs), *changes]
    # The mark finds whatever the command has started, whichever session it went to.
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", "MARK": str(runs)}
    environment.pop("COLUMNS", None)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    text, pressed, end = b"", False, time.monotonic() + 300
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                part = os.read(terminal, 65_536)
            except OSError:  # nobody writes any more
                break
            text += part
        if not pressed and STEPS.search(text):
            pressed = True
            os.write(terminal, b"\x03" * presses)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert pressed, text.decode(errors="replace")
    return code, text.decode(errors="replace")


def _left(runs: Path) -> list[str]:
    mark, found = f"MARK={runs}".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:  # it has ended, or is not ours
                continue
    return found


@pytest.mark.ray
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_ends_a_sweep_with_130_and_leaves_nothing_behind(tmp_path: Path, presses: int) -> None:
    code, text = _drive(tmp_path / "runs", presses)
    assert code == 130, text
    assert "Traceback" not in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert plain.rstrip().endswith("Interrupted; run the same command again to continue.")
    table = plain[plain.rindex("variant") :].splitlines()
    assert max(map(len, table[:-1])) <= COLUMNS
    if presses == 1:
        assert "Stopping: running trials write a checkpoint" in text
        assert "interrupted" in "\n".join(table)
        assert list((tmp_path / "runs" / "trials").glob("*/checkpoint/last.pt"))
    end = time.monotonic() + 30
    while _left(tmp_path / "runs"):
        assert time.monotonic() < end, _left(tmp_path / "runs")
        time.sleep(0.5)
    assert not (tmp_path / "runs" / "sweeps" / "dropout" / "ray").exists()

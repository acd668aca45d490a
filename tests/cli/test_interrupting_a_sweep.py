"""`simcvd sweep` is told to end, in a pseudo-terminal of its own and while Ray starts: the real command."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
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
    _assert_nothing_left(tmp_path / "runs")
    assert not (tmp_path / "runs" / "sweeps" / "dropout" / "ray").exists()


@pytest.mark.ray
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_sigterm_while_ray_starts_ends_a_sweep_with_130_and_leaves_nothing_behind(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "MARK": str(runs)}
    environment.pop("RAY_ADDRESS", None)
    command = subprocess.Popen(
        [sys.executable, "-c", "import cli; cli.main()", "sweep", "dropout", "--out", str(runs)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 120
    while not any("gcs_server" in process for process in _left(runs)):  # Ray's first one: it has begun
        assert command.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(command.pid, signal.SIGTERM)  # as a batch system does, to Ray's processes too
    text, _ = command.communicate(timeout=120)
    assert command.returncode == 130, text
    assert text.splitlines()[-1] == "Interrupted; run the same command again to continue."
    assert "Traceback" not in text
    _assert_nothing_left(runs)


def _assert_nothing_left(runs: Path) -> None:
    end = time.monotonic() + 30
    while _left(runs):
        assert time.monotonic() < end, _left(runs)
        time.sleep(0.5)

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.resources.ending.left_over import MARK, end_left_over, new_mark

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")

# A process whose parent ends at once, as an agent whose raylet was killed; it leaves the pipe open as long as it lives.
_ORPHAN = "import os, time; os.fork() and os._exit(0); print('ready', flush=True); time.sleep(1000)"


def _start(mark: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _ORPHAN], env=os.environ | {MARK: mark}, stdout=subprocess.PIPE, text=True
    )


def test_processes_that_nobody_owns_any_more_are_ended_by_their_mark_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mark, other = new_mark(), new_mark()
    monkeypatch.setenv(MARK, mark)  # the command's own process stays
    with _start(mark) as ours, _start(other) as theirs:
        for started in (ours, theirs):
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n"
            assert started.wait(30) == 0
        assert ours.stdout is not None
        assert theirs.stdout is not None
        end_left_over(mark)
        assert ours.stdout.read() == ""  # nobody holds it any more
        os.set_blocking(theirs.stdout.fileno(), False)
        with pytest.raises(BlockingIOError):
            os.read(theirs.stdout.fileno(), 1)
        end_left_over(other)


def test_a_command_that_leaves_at_once_says_so_and_takes_what_it_started_along() -> None:
    mark = new_mark()
    leaving = (
        "import subprocess, sys, threading, time; from sweeps.resources.ending.left_over import leave_at_once;"
        "child = subprocess.Popen(['sleep', '1000']);"
        f"threading.Thread(target=leave_at_once, args=({mark!r},)).start(); time.sleep(1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", leaving],
        cwd=Path(__file__).parents[4],
        env=os.environ | {MARK: mark},
        capture_output=True,  # ends when the child has ended too
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "Interrupted; run the same command again to continue.\n"


def test_a_process_that_shows_its_variables_late_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "1000"]) as late:
        looks = iter([[], [late.pid]])
        monkeypatch.setattr("sweeps.resources.ending.left_over._marked", lambda mark: iter(next(looks, [])))
        end_left_over("mark")
        assert late.wait(10) == -signal.SIGKILL

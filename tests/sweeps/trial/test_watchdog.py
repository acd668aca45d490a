import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.trial import watchdog
from sweeps.trial.watchdog import Watchdog, hang_position, hang_report

HANG = """
import sys, threading
from pathlib import Path
from sweeps.trial.watchdog import Watchdog

def train():
    threading.Event().wait()

def execute_trial():
    with Watchdog(Path(sys.argv[1]), 0.2):
        train()

# Ray runs a trial in a thread of its own.
threading.Thread(target=execute_trial).start()
threading.Event().wait()
"""


def test_a_process_that_hangs_is_ended_and_says_where(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(HANG)
    path = {"PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.run([sys.executable, script, tmp_path], env=path, timeout=60).returncode == 1
    position = hang_position(tmp_path)
    assert position is not None
    assert position.startswith("wait (threading.py:")
    assert "train" in hang_report(tmp_path)


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done to the timer, and a clock that stands still."""
    done: list[str] = []
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda timeout, **_: done.append(f"{timeout:g} s"))
    monkeypatch.setattr("faulthandler.cancel_dump_traceback_later", lambda: done.append("off"))
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: 10.0)
    return done


def test_the_timer_is_wound_up_now_and_then_and_is_off_in_the_end(
    timer: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Watchdog(tmp_path, 60) as watched:
        should_stop = watched.hears(lambda: True)
        assert should_stop is not None
        assert should_stop()
        assert timer == ["60 s"]  # not for every step of a fast training
        monkeypatch.setattr(watchdog.time, "monotonic", lambda: 12.0)
        should_stop()
        assert timer == ["60 s"] * 2
    assert timer == ["60 s", "60 s", "off"]
    assert hang_position(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_without_a_timeout_nothing_is_watched(timer: list[str], tmp_path: Path) -> None:
    (tmp_path / "hang.txt").write_text("of an earlier process")
    with Watchdog(tmp_path, None) as watched:
        watched.alive()
        assert watched.hears(None) is None
    assert timer == []
    assert list(tmp_path.iterdir()) == []


def test_each_worker_of_a_group_has_its_own_file(timer: list[str], tmp_path: Path) -> None:
    with Watchdog(tmp_path, 60), Watchdog(tmp_path, 60, rank=1):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["hang-1.txt", "hang.txt"]
    assert timer == ["60 s", "60 s", "off", "off"]


REPORT = """Timeout (0:00:06)!
Thread 0x00007f1 (most recent call first):
  File "/lib/python3.11/threading.py", line 327 in wait
  File "/lib/python3.11/site-packages/ray/worker.py", line 9 in main_loop

Thread 0x00007f2 (most recent call first):
  File "/lib/python3.11/site-packages/torch/nn/functional.py", line 10 in conv3d
  File "/x/simcvd/training/loop.py", line 52 in train_steps
  File "/x/sweeps/execute.py", line 150 in run
  File "/x/sweeps/execute.py", line 99 in execute_trial
"""


def test_the_position_is_that_of_the_thread_that_ran_the_trial(tmp_path: Path) -> None:
    (tmp_path / "hang.txt").write_text(REPORT)
    assert hang_position(tmp_path) == "conv3d (functional.py:10), called from train_steps (loop.py:52)"
    (tmp_path / "hang.txt").write_text(
        "Timeout (0:00:06)!\nThread 0x1 (most recent call first):\n  <no Python frame>\n"
    )
    assert hang_position(tmp_path) == "a place that is not known"

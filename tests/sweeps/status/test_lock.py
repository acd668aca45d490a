import fcntl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sweeps.status.lock import TrialBusyError, is_locked, trial_lock

HOLD = """
import sys, time
from pathlib import Path
from sweeps.status.lock import trial_lock
with trial_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """Another process that holds the trial `tmp_path / "t"`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "t")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_trial_held_by_a_live_process_is_refused_with_its_name(tmp_path: Path, holder: Any) -> None:
    assert is_locked(tmp_path / "t")
    with pytest.raises(TrialBusyError, match=f"process {holder.pid} on"), trial_lock(tmp_path / "t", wait_s=0.3):
        pass


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path, holder: Any) -> None:
    holder.kill()
    holder.wait()
    told: list[str] = []
    start = time.monotonic()
    with trial_lock(tmp_path / "t", told.append):
        assert is_locked(tmp_path / "t")
    assert time.monotonic() - start < 1
    assert not told
    assert not is_locked(tmp_path / "t")


def test_waiting_for_a_lock_is_said_once(tmp_path: Path, holder: Any) -> None:
    told: list[str] = []
    with pytest.raises(TrialBusyError), trial_lock(tmp_path / "t", told.append, wait_s=1.2):
        pass
    assert len(told) == 1
    assert "waiting up to" in told[0]


def test_a_reader_that_tests_the_lock_does_not_stop_a_writer(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "lock").touch()
    with (folder / "lock").open() as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        with pytest.raises(TrialBusyError), trial_lock(folder, wait_s=0.1):
            pass
    with trial_lock(folder, wait_s=0.1):
        pass

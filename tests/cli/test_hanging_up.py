"""A terminal that is closed while a command trains in it."""

import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from sweeps.status.trial import read_trial

SETTINGS = (
    *("training.steps=100000", "data.crop_vox=16x16x16", "inference.stride_vox=16x16x16", "network.width=1"),
    "projection.pool_size=4",
)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("train", "--device", "cpu"), marks=pytest.mark.slow, id="train"),
        pytest.param(("sweep", "dropout"), marks=pytest.mark.ray, id="sweep"),
    ],
)
def test_trainings_whose_terminal_is_closed_write_a_checkpoint(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    changes = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-c", "import cli; cli.main()", *arguments, "--out", str(tmp_path), *changes]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", "OMP_NUM_THREADS": "1"}
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
        os.execvpe(command[0], command, environment)
    shown, end = b"", time.monotonic() + 300
    while not re.search(rb"[1-9][0-9]*(/| of )100000", shown):
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65_536)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    written = list(tmp_path.glob("trials/*/checkpoint/last.pt"))
    assert written
    for checkpoint in written:
        assert read_trial(tmp_path, checkpoint.parts[-3]).state == "interrupted"

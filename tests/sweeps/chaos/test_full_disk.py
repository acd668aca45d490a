"""The disk of the runs folder fills up."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.errors import UserError
from sweeps.trial.failure_kinds import is_disk_full
from tests.sweeps.chaos.disturbed import DisturbedSweep

SENTENCE = r"^The disk of .*/small is full; make room and run the same command again, it continues\.$"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("a small disk needs mount")
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_a_full_disk_stops_the_sweep_with_a_sentence_and_costs_nothing_but_time(
    small_disk: Path, disturbed: DisturbedSweep, tmp_path: Path, gate: Any
) -> None:
    from analysis.runs.records import read_trials

    ballast, shut, fill_up = small_disk / "ballast", tmp_path / "gate" / "shut", _filler()

    def fill(config, trial_dir, step):
        import time

        if step >= 5 and config.loss.sdm == 0.2 and shut.exists():
            while len(list(small_disk.glob("results/trials/*.parquet"))) < 2:  # the first two have their room
                time.sleep(0.02)
            fill_up(ballast)

    sweep = replace(disturbed, runs=small_disk)
    for _ in range(2):  # the second time, it is full from the start
        with pytest.raises(UserError, match=SENTENCE):
            sweep.run(fill)
        assert set(read_trials(small_disk)["status"]) == {"finished"}
        assert not (small_disk / "sweeps" / "mine" / "ray").exists()

    ballast.unlink()
    gate.open()
    outcome, text = sweep.run(fill)
    assert (outcome.exit_code, outcome.ran) == (0, 2), text
    sweep.assert_same_files()


def _filler() -> Callable[[Path], None]:
    """Return what fills a disk; a closure, so that Ray's workers need not import this file."""

    def fill_up(path):

        with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"." * 4096):
                pass

    return fill_up


def _checkpoint(folder: Path) -> None:
    from simcvd.config import apply_settings, load_preset
    from simcvd.methods.registry import create
    from simcvd.training.checkpoint import CheckpointWriter, Progress

    config = apply_settings(load_preset("phantom"), {"network.width": 2})
    writer = CheckpointWriter(folder / "file", create(config, 1, 2, lambda rows: rows), "")
    writer.save(Progress())
    writer.finish()


def _student(folder: Path) -> None:
    from simcvd.config import load_preset
    from simcvd.inference.weights import save_student
    from simcvd.networks.base import Segmenter
    from simcvd.networks.vnet import VNet

    save_student(folder, Segmenter(VNet(1, 2, sdm_channels=1, width=4)), load_preset("phantom"), 1, ["box"])


def _log(folder: Path) -> None:
    from simcvd.training.report import TrialLog

    log = TrialLog(folder, 0)
    try:
        for step in range(500):
            log.write({"step": step})
    finally:
        log.close()


def _masks(folder: Path) -> None:
    from analysis.runs.masks import MaskWriter

    with MaskWriter(folder, "id") as masks:
        for case in range(20):
            masks.add(str(case), np.random.default_rng(case).integers(0, 255, (32, 32, 32), np.uint8))


def _row(folder: Path) -> None:
    from simcvd.files import write_file

    write_file(folder / "row.parquet", bytes(10_000))


# TensorBoard's own thread dies of it too, which Python reports beside the error.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("write", [_checkpoint, _student, _log, _masks, _row])
def test_whatever_is_written_says_that_the_disk_is_full(small_disk: Path, write: Callable[[Path], None]) -> None:
    room = small_disk / "room"
    room.write_bytes(bytes(4096))  # a file can be begun, as on most full disks
    _filler()(small_disk / "ballast")
    room.unlink()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each writer has its own
        write(small_disk)
    assert is_disk_full(caught.value, small_disk)


def test_another_disk_that_is_full_is_another_failure(tmp_path: Path) -> None:
    error = OSError(28, "No space left on device", "/elsewhere/file")
    assert not is_disk_full(error, tmp_path)
    assert is_disk_full(OSError(28, "No space left on device", str(tmp_path / "file")), tmp_path)
    assert not is_disk_full(OSError(5, "Input/output error"), tmp_path)

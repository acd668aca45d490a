"""The preflight on this machine alone, without Ray."""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from simcvd.config import apply_settings, load_preset
from simcvd.errors import UserError
from sweeps.preflight.checks import Subject, check_alone, preflight
from sweeps.resources import placement as placement_module
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder
from tests.sweeps.crops import without_crops
from tests.sweeps.preflight.conftest import Check

PHANTOM = load_preset("phantom")


def test_a_sound_machine_is_accepted_and_the_runs_folder_left_as_it_was(
    data: Path, tmp_path: Path, check: Check
) -> None:
    findings = check(tmp_path / "new" / "runs")
    assert list(findings.lines) == ["resources", "versions", "precision", "storage", "data", "disk", "time"]
    assert "6 case files, 3 read" in findings.lines["data"]  # train and val; nothing is read of test
    assert without_crops(findings.notices) == ()
    assert not (tmp_path / "new").exists()
    (tmp_path / "runs").mkdir()
    check(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_crops_beyond_the_data_and_memory_that_does_not_suffice_are_notices(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.resources.machine.available_bytes", lambda: 6 * 10**8)
    crop, memory = check(settings={"training.precision": "float32"}).notices
    assert crop.startswith("The crop of 32 x 32 x 32 voxels exceeds every training case along X and Y and Z")
    assert "takes about 0.5 GB, and this machine has 0.3 GB for a trial" in memory  # two share 0.6 GB


def test_a_runs_folder_that_can_not_be_written_is_refused(tmp_path: Path, check: Check) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"runs folder .*file/runs can't be written \(Not a directory\); choose another"
    ):
        check(tmp_path / "file" / "runs")


def test_a_runs_folder_without_locks_is_refused(monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match=r"can't be locked on this machine \(No locks available\); mount it with"):
        check()


def test_locks_that_keep_nobody_out_are_a_notice(monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    assert "do not reach this machine" in check().notices[0]


def test_a_full_disk_is_told_with_what_is_needed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Check
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    subject = Subject(
        InPlace(data), SharedFolder(tmp_path), [apply_settings(load_preset("la"), {"seed": seed}) for seed in range(3)]
    )
    with pytest.raises(UserError) as told:
        preflight(subject, Placement(), 2, [])
    assert str(told.value) == (
        f"The runs folder {tmp_path} has 0.05 GB free, but 1.10 GB are needed: 0.99 GB for checkpoints of 2 trial(s) "
        "side by side, 0.12 GB for what 3 trial(s) leave; free some, lower --max-concurrent, or choose another --out."
    )
    assert "size unknown" in check(sized=False).lines["disk"]


def _machine(monkeypatch: pytest.MonkeyPatch, **resources: float) -> None:
    node = {"Alive": True, "NodeID": "", "Resources": resources}
    monkeypatch.setattr(placement_module, "this_machine", lambda: node)
    monkeypatch.setattr("sweeps.preflight.checks.this_machine", lambda: node)


def test_checks_alone_start_no_ray(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, CPU=2.0)
    monkeypatch.setattr("sweeps.preflight.checks.ray_session", lambda _: pytest.fail("a Ray was started"))
    findings = check_alone(Subject(InPlace(data), SharedFolder(tmp_path), [PHANTOM]), ResourceRequest())
    assert findings.lines["resources"] == "2 trial(s) side by side, each 1 worker(s) of 1 CPU"
    with pytest.raises(UserError, match="room for 0"):
        check_alone(Subject(InPlace(data), SharedFolder(tmp_path), [PHANTOM]), ResourceRequest(cpus_per_worker=3))

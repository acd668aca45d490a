import os
import shutil
import time

import pytest

from sweeps.storage.attempt import private_folder as of
from sweeps.storage.attempt.private_folder import delete, forget_old, is_left, private_folder


def test_half_a_deleted_folder_is_not_found_under_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "trial.3"
    with private_folder(folder):
        (folder / "results").mkdir()
    assert is_left(folder)

    def killed(path, **_):
        if path.exists():
            (path / "results").rmdir()
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        delete(folder)
    assert not folder.exists()
    monkeypatch.undo()
    with private_folder(folder):
        pass
    delete(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_machine_holds_is_not_left_though_its_lock_is_unseen_here(tmp_path, monkeypatch):
    """On network storage whose locks stay on each machine, this one finds any lock of the other one free."""
    with monkeypatch.context() as there:
        there.setattr(of, "this_boot", lambda: "gpu02-another-start")
        with private_folder(tmp_path / "trial.3"):
            pass  # the lock is free, as it looks from here
        assert is_left(tmp_path / "trial.3")
    assert not is_left(tmp_path / "trial.3")
    with private_folder(tmp_path / "trial.4"):
        assert not is_left(tmp_path / "trial.4")
    assert is_left(tmp_path / "trial.4")


def test_a_folder_of_version_0_1_is_not_known_to_be_left(tmp_path):
    (tmp_path / "trial.3").mkdir()
    (tmp_path / "trial.3" / "held").touch()
    assert not is_left(tmp_path / "trial.3")


def test_what_nobody_has_written_to_for_a_week_is_forgotten(tmp_path, monkeypatch):
    def age(folder, days):
        then = time.time() - days * 86400
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (then, then))

    for name, days in {"old": 8, "young": 6, ".trial-going": 8}.items():
        with private_folder(tmp_path / name):
            age(tmp_path / name, days)
    with monkeypatch.context() as there:
        there.setattr(of, "this_boot", lambda: "gpu02-another-start")
        for name in ("of-another", "that-writes"):
            with private_folder(tmp_path / name):
                (tmp_path / name / "trials").mkdir()
                age(tmp_path / name, 8)
    (tmp_path / "that-writes" / "trials" / "log.jsonl").touch()
    with private_folder(tmp_path / "held"):
        age(tmp_path / "held", 8)
        forget_old(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"young", "held", "that-writes"}

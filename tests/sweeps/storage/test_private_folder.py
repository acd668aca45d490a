import shutil

import pytest

from sweeps.storage.private_folder import delete, is_left, private_folder


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

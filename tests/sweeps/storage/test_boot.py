from pathlib import Path

import pytest

from sweeps.storage import boot


@pytest.fixture
def _asked_again() -> None:
    boot.this_boot.cache_clear()


@pytest.mark.usefixtures("_asked_again")
def test_a_machine_is_another_one_after_it_was_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(boot.this_boot.cache_clear)
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "boot_id")
    monkeypatch.setattr("socket.gethostname", lambda: "gpu01")
    (tmp_path / "boot_id").write_text("11-22\n")
    assert boot.this_boot() == "gpu01-11-22"
    boot.this_boot.cache_clear()
    (tmp_path / "boot_id").write_text("33-44\n")
    assert boot.this_boot() == "gpu01-33-44"
    boot.this_boot.cache_clear()
    (tmp_path / "boot_id").unlink()
    assert boot.this_boot().startswith("gpu01-")
    assert len(boot.this_boot()) == len("gpu01-") + 12, "the address of a network card"

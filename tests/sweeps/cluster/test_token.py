from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.cluster.token import ensure_token


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the token is looked for."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "ray" / "token"))
    return tmp_path / "ray" / "token"


def test_a_token_is_made_once_for_its_owner_alone(path: Path) -> None:
    assert ensure_token() == path
    token = path.read_text()
    assert len(token) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    ensure_token()
    assert path.read_text() == token


def test_a_token_that_is_empty_or_that_others_can_read_is_refused(path: Path) -> None:
    ensure_token()
    path.chmod(0o644)
    with pytest.raises(UserError, match=r"Others can read .* run chmod 600"):
        ensure_token()
    path.chmod(0o600)
    path.write_text("\n")
    with pytest.raises(UserError, match="is empty; delete it"):
        ensure_token()


def test_a_token_that_can_not_be_made_or_read_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.mkdir(parents=True)
    with pytest.raises(UserError, match="can't be read: Is a directory"):
        ensure_token()
    (path / "file").touch()
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path / "file" / "ray" / "token"))
    with pytest.raises(UserError, match="can't be made: Not a directory"):
        ensure_token()

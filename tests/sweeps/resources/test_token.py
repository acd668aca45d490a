import os
from pathlib import Path
from typing import Any

import pytest

from simcvd.errors import UserError
from sweeps.resources.token import ensure_token


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the token is looked for."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "ray" / "token"))
    return tmp_path / "ray" / "token"


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_token_is_made_once_for_its_owner_alone(path: Path) -> None:
    assert ensure_token() == path
    token = path.read_text()
    assert len(token) == 64
    assert (_mode(path), _mode(path.parent)) == (0o600, 0o700)
    ensure_token()
    assert path.read_text() == token


def test_nobody_ever_sees_a_token_that_is_empty_or_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, bool]] = []
    link = os.link

    def looking(source: Path, target: Path) -> None:
        seen.append((_mode(source), len(source.read_text()), target.exists()))
        link(source, target)

    monkeypatch.setattr(os, "link", looking)
    before = os.umask(0)
    try:
        ensure_token()
    finally:
        os.umask(before)
    assert seen == [(0o600, 64, False)]
    assert os.listdir(path.parent) == [path.name]


def test_of_two_commands_at_once_both_have_the_token_of_the_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def second(source: Path, target: Path) -> None:
        target.write_text("of the first")
        target.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", second)
    assert ensure_token().read_text() == "of the first"
    assert os.listdir(path.parent) == [path.name]


def test_a_token_is_whole_where_files_have_no_second_names(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert len(ensure_token().read_text()) == 64
    assert os.listdir(path.parent) == [path.name]


def test_a_token_that_others_can_read_is_closed_and_that_is_told(path: Path) -> None:
    ensure_token()
    path.chmod(0o644)
    token, told = path.read_text(), []
    assert ensure_token(told.append) == path
    assert (_mode(path), path.read_text()) == (0o600, token)
    [sentence] = told
    assert sentence.startswith(f"Others could read the token in {path}; its mode is 600 now.")
    ensure_token(told.append)
    assert told == [sentence]


def test_a_token_of_the_default_place_is_told_on_the_terminals_error_side(path: Path, capsys: Any) -> None:
    ensure_token()
    path.chmod(0o604)
    ensure_token()
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("Others could read the token")) == ("", 1)


def test_a_token_that_stays_open_to_others_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_token()
    path.chmod(0o644)
    monkeypatch.setattr(Path, "chmod", lambda *_: None)  # as on a file system without modes
    with pytest.raises(UserError, match=r"can't be changed; .* chmod 600 .* or set RAY_AUTH_TOKEN_PATH"):
        ensure_token()


def test_an_empty_token_is_refused(path: Path) -> None:
    ensure_token()
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

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.storage.attempt.stored import trial_files
from sweeps.storage.attempt.workspace import Workspace
from sweeps.storage.store import Store

TRIAL = "t-s0"


@pytest.fixture
def workspace(store: Store, tmp_path: Path) -> Workspace:
    at = Workspace(store, TRIAL, tmp_path / "folder", 1)
    at.pull()
    (at.trial / "checkpoint").mkdir(parents=True)
    return at


def _save(at: Workspace, text: str) -> None:
    """Write a checkpoint as training does: the one before keeps its content under another name."""
    last, before = at.trial / "checkpoint" / "last.pt", at.trial / "checkpoint" / "previous.pt"
    if last.exists():
        before.unlink(missing_ok=True)
        os.link(last, before)
    (last.parent / ".last.pt.tmp-1").write_text(text)
    (last.parent / ".last.pt.tmp-1").replace(last)


def _checkpoints(store: Store) -> dict[str, bytes | None]:
    return {name.rsplit("/", 1)[1]: store.read(stored.name) for name, stored in trial_files(store, TRIAL).items()}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the checkpoints that go over the network."""
    put, names = Store.put, list[str]()

    def noted(store: Store, name: str, content: bytes | Path) -> None:
        if isinstance(content, Path):
            names.append(name.rsplit("/", 1)[1])
        put(store, name, content)

    monkeypatch.setattr(Store, "put", noted)
    return names


def test_the_checkpoint_before_is_copied_in_the_store_and_not_sent_again(
    workspace: Workspace, store: Store, sent: list[str]
) -> None:
    for step in ("1", "2", "3"):
        _save(workspace, f"of step {step}")
        workspace.push()
    assert _checkpoints(store) == {"last.pt": b"of step 3", "previous.pt": b"of step 2"}
    assert sent == ["last.pt"] * 3


def test_a_checkpoint_that_takes_the_place_of_a_damaged_one_is_copied_too(
    workspace: Workspace, store: Store, sent: list[str]
) -> None:
    for step in ("1", "2"):
        _save(workspace, f"of step {step}")
        workspace.push()
    (workspace.trial / "checkpoint" / "previous.pt").replace(workspace.trial / "checkpoint" / "last.pt")
    workspace.push()
    assert _checkpoints(store) == {"last.pt": b"of step 1"}
    _save(workspace, "of step 2 again")
    workspace.push()
    assert _checkpoints(store) == {"last.pt": b"of step 2 again", "previous.pt": b"of step 1"}
    assert sent == ["last.pt"] * 3


def test_what_was_pulled_and_is_as_it_was_is_not_pushed_again(
    workspace: Workspace, store: Store, tmp_path: Path
) -> None:
    _save(workspace, "of step 1")
    (workspace.trial / "log.jsonl").write_text("1")
    workspace.push()
    before = store.entries("")
    second = Workspace(store, TRIAL, tmp_path / "second", 2)
    second.pull()
    second.push(logged_only=True)
    second.push()
    assert store.entries("") == before
    (second.trial / "log.jsonl").write_text("1 2")
    second.push(logged_only=True)
    assert store.entries("") == before
    second.push()
    assert _checkpoints(store) == {"last.pt": b"of step 1", "log.jsonl": b"1 2"}


def test_what_an_attempt_deletes_of_what_it_found_is_gone_for_the_next_one(
    workspace: Workspace, store: Store, tmp_path: Path
) -> None:
    _save(workspace, "of step 1")
    row = workspace.runs / "results" / "trials" / f"{TRIAL}.parquet"
    row.parent.mkdir(parents=True)
    row.write_text("failed")
    workspace.push()
    second = Workspace(store, TRIAL, tmp_path / "second", 2)
    second.pull()
    (second.trial / "checkpoint" / "last.pt").unlink()
    (second.runs / "results" / "trials" / f"{TRIAL}.parquet").unlink()
    second.push()
    third = Workspace(store, TRIAL, tmp_path / "third")
    third.pull()
    assert not [path for path in (tmp_path / "third").rglob("*") if path.is_file()]
    assert store.entries("results") == {}


def test_the_lease_is_looked_at_before_a_checkpoint_is_pushed(workspace: Workspace, store: Store) -> None:
    class LostError(Exception):
        pass

    def lost() -> None:
        raise LostError

    _save(workspace, "late")
    with pytest.raises(LostError):
        workspace.push(lost, logged_only=True)
    assert store.entries("") == {}


def test_a_store_that_fails_while_files_are_pulled_is_told(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., None]
) -> None:
    _save(workspace, "of step 1")
    workspace.push()
    monkeypatch.setattr(Store, "fetch", fail)
    with pytest.raises(OSError, match="no answer"):
        workspace.pull()


@pytest.fixture
def fail() -> Callable[..., None]:
    def raised(*_: object) -> None:
        raise OSError("no answer")

    return raised

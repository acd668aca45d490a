"""A holder of a trial or sweep that was suspended, and wakes up when another one has taken over and gone on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sweeps.status.trial import case_path, result_path, trial_folder
from sweeps.storage.attempt.hold import open_trial
from sweeps.storage.attempt.workspace import Workspace
from sweeps.storage.lease import Held, Pace, claim, last_epoch
from sweeps.storage.mirror import Mirror
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store

TRIAL = "simcvd-s0-abc"
SILENT = Pace(beat_s=1000, lease_s=1000)
"""Of a holder that has neither a heartbeat nor anything else that runs by itself, as one that is suspended."""
BRIEF = Pace(0.05, 0.3)
Node = Callable[[str], ObjectRuns]


class LostError(Exception):
    """In place of the end of a process."""


def _write(at: Workspace, step: int) -> None:
    """Write what a trial has after so many steps."""
    folder = trial_folder(at.runs, TRIAL)
    (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
    (folder / "log.jsonl").write_text("".join(f'{{"step": {number}}}\n' for number in range(1, step + 1)))
    partial = folder / "checkpoint" / ".last.pt.tmp-1"
    partial.write_text(f"of step {step}")
    partial.replace(folder / "checkpoint" / "last.pt")


def _record(at: Workspace, text: str) -> None:
    for path in (case_path(at.runs, TRIAL), result_path(at.runs, TRIAL)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _found(node: Node, store: Store) -> tuple[int, str]:
    """Return the steps that the log and the checkpoint speak of, as the next attempt finds them."""
    with open_trial(ObjectRuns(store, node("next").cache, BRIEF), TRIAL) as at:
        lines = (at.trial / "log.jsonl").read_text().splitlines()
        return len(lines), (at.trial / "checkpoint" / "last.pt").read_text()


@contextmanager
def _taken_over(node: Node, store: Store) -> Iterator[tuple[Workspace, Workspace]]:
    """Yield the workspace of a suspended holder that had pushed its second step, and of who took the trial over."""
    with ExitStack() as held:
        late = held.enter_context(open_trial(ObjectRuns(store, node("a").cache, SILENT), TRIAL))
        _write(late, 2)
        late.push()
        after = held.enter_context(open_trial(ObjectRuns(store, node("b").cache, BRIEF), TRIAL))
        assert (after.trial / "checkpoint" / "last.pt").read_text() == "of step 2"
        yield late, after


@pytest.fixture(autouse=True)
def _looked_just_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each holder find its lease its own: it was suspended right after it had looked."""
    monkeypatch.setattr(Held, "ensure", lambda held: None)


def test_a_late_checkpoint_and_log_do_not_replace_newer_ones(node: Node, store: Store) -> None:
    with _taken_over(node, store) as (late, after):
        _write(after, 5)
        after.push()
        _write(late, 3)
        late.push()
        shown = Mirror(node("looks on"))
        shown.pull()
        assert (trial_folder(shown.folder, TRIAL) / "log.jsonl").read_text().count("\n") == 5
    assert last_epoch(store, f"trials/{TRIAL}")[0] == 2
    assert _found(node, store) == (5, "of step 5")
    with open_trial(ObjectRuns(store, node("next").cache, BRIEF), TRIAL) as at:
        _write(at, 6)
    files = [name for name in store.entries("trials") if "/lease/" not in name]
    assert files, "of the last attempt"
    assert all("/attempts/000004" in name for name in files), "what the late one has left is gone"


def test_a_late_checkpoint_is_gone_on_from_where_who_took_over_has_pushed_none(node: Node, store: Store) -> None:
    with open_trial(ObjectRuns(store, node("a").cache, SILENT), TRIAL) as late:
        _write(late, 2)
        late.push()
        assert claim(store, f"trials/{TRIAL}", pace=BRIEF).epoch == 2  # and its holder dies before it has pushed
        _write(late, 3)
        late.push()
        assert _found(node, store) == (3, "of step 3")


def test_files_that_a_late_holder_replaces_while_they_are_pulled_are_pulled_again(
    node: Node, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as held:
        late = held.enter_context(open_trial(ObjectRuns(store, node("a").cache, SILENT), TRIAL))
        _write(late, 2)
        (late.trial / "hang.txt").write_text("it hung")
        late.push()
        fetch, steps = Store.fetch, [3, 4]

        def meanwhile(at: Store, name: str, size: int, path: Path, *more: Callable[[int], None]) -> None:
            fetch(at, name, size, path, *more)
            if name.endswith("log.jsonl") and steps:  # the log has arrived, the checkpoint is on its way
                _write(late, steps.pop(0))
                (late.trial / "hang.txt").unlink(missing_ok=True)
                late.push()

        monkeypatch.setattr(Store, "fetch", meanwhile)
        after = held.enter_context(open_trial(ObjectRuns(store, node("b").cache, BRIEF), TRIAL))
        assert (after.trial / "log.jsonl").read_text().count("\n") == 4
        assert (after.trial / "checkpoint" / "last.pt").read_text() == "of step 4"
        assert not (after.trial / "hang.txt").exists()


def test_a_late_row_does_not_replace_the_row_of_who_took_over(node: Node, store: Store) -> None:
    looks: list[str] = []

    def suspended() -> None:
        """Look at the lease; after the second look of all, nothing happens until the other one is done."""
        looks.append("look")
        if len(looks) == 2:
            _record(after, "newer")
            after.push()
        if len(looks) > 2:
            raise LostError

    with _taken_over(node, store) as (late, after):
        _record(late, "late")
        with pytest.raises(LostError):
            late.push(suspended)
        for folder in ("cases", "trials"):
            (late.runs / "results" / folder / f"{TRIAL}.parquet").unlink()
    assert [store.read(f"results/{folder}/{TRIAL}.parquet") for folder in ("cases", "trials")] == [b"newer", b"newer"]


def test_who_took_over_replaces_a_row_that_came_late(node: Node, store: Store) -> None:
    with _taken_over(node, store) as (late, after):
        _record(late, "late")
        late.push()
        _record(after, "newer")
        after.push()
    assert store.read(f"results/trials/{TRIAL}.parquet") == b"newer"


def test_a_late_command_does_not_replace_the_tables_of_who_took_over(node: Node, store: Store) -> None:
    late, after = Mirror(node("a")), Mirror(node("b"))
    for mirror, text in ((late, "late"), (after, "newer")):
        (mirror.folder / "sweeps" / "mine").mkdir(parents=True)
        (mirror.folder / "sweeps" / "mine" / "table.md").write_text(text)
    looks: list[str] = []

    def suspended() -> None:
        if looks:
            raise LostError
        looks.append("look")
        after.push_sweep("mine")

    with pytest.raises(LostError):
        late.push_sweep("mine", suspended)
    assert store.read("sweeps/mine/table.md") == b"newer"

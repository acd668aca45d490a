import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.status.lock import TrialBusyError
from sweeps.status.trial import case_path, result_path
from sweeps.storage.attempt import private_folder
from sweeps.storage.attempt.hold import open_trial
from sweeps.storage.attempt.stored import attempt_folder, trial_files, trial_key
from sweeps.storage.attempt.workspace import Workspace
from sweeps.storage.lease import Held, Pace, claim, lease_name
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store, StoreError

TRIAL = "simcvd-s0-abc"
Node = Callable[[str], ObjectRuns]


def _write(folder: Path, **content: str) -> None:
    for name, text in content.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _names(store: Store) -> set[str]:
    return {*trial_files(store, TRIAL), *store.entries("results")}


def _read(store: Store, name: str) -> bytes | None:
    stored = trial_files(store, TRIAL).get(f"trials/{TRIAL}/{name}")
    return None if stored is None else store.read(stored.name)


def test_what_one_node_leaves_another_finds(node: Node, store: Store) -> None:
    with open_trial(node("a"), TRIAL) as here:
        _write(here.trial, log="1", checkpoint__last="of step 1", lock="not this", half="no")
        (here.trial / "half").rename(here.trial / "half.tmp-3")
    assert _names(store) == {f"trials/{TRIAL}/log", f"trials/{TRIAL}/checkpoint/last"}
    with open_trial(node("b"), TRIAL) as here:
        assert (here.trial / "checkpoint" / "last").read_text() == "of step 1"
        (here.trial / "checkpoint" / "last").unlink()
        _write(here.trial, weights="w")
        for path in (case_path, result_path):
            _write(path(here.runs, TRIAL).parent, **{f"{TRIAL}.parquet": "rows"})
    assert _names(store) == {
        f"trials/{TRIAL}/log",
        f"trials/{TRIAL}/weights",
        f"results/cases/{TRIAL}.parquet",
        f"results/trials/{TRIAL}.parquet",
    }
    assert list(node("a").workspaces.iterdir()) == list(node("b").workspaces.iterdir()) == []


def test_the_log_goes_before_the_checkpoint_and_the_row_after_all_it_speaks_of(
    node: Node, store: Store, monkeypatch
) -> None:
    order: list[str] = []
    put, put_over, delete = Store.put, Store.put_over, Store.delete
    with open_trial(ObjectRuns(store, node("a").cache, Pace(60, 100)), TRIAL) as here:
        _write(here.trial, **{"checkpoint__last": "1", "log.jsonl": "1"})
        _write(here.runs / "results" / "cases", **{f"{TRIAL}.parquet": "c"})
        _write(here.runs / "results" / "trials", **{f"{TRIAL}.parquet": "r"})
        monkeypatch.setattr(Store, "put", lambda *given: (order.append(given[1]), put(*given))[1])
        monkeypatch.setattr(Store, "put_over", lambda *given: (order.append(given[1]), put_over(*given))[1])
        monkeypatch.setattr(Store, "delete", lambda *given: (order.extend(given[1]), delete(*given))[1])
        here.push()
        (here.trial / "checkpoint" / "last").unlink()
        _write(here.runs / "results" / "trials", **{f"{TRIAL}.parquet": "row 2"})
        here.push()
    own = attempt_folder(TRIAL, 1)
    log, last = (f"{own}/{name}" for name in ("log.jsonl", "checkpoint/last"))
    case, row = (f"results/{folder}/{TRIAL}.parquet" for folder in ("cases", "trials"))
    assert order[:7] == [log, case, last, f"{own}.whole", row, row, last]


def test_only_a_new_checkpoint_is_pushed_while_a_trial_runs(node: Node, store: Store, wait) -> None:
    with open_trial(node("a"), TRIAL) as here:
        _write(here.trial, **{"log.jsonl": '{"step": 1}\n'})
        wait(lambda: b"step" in (store.read(f"live/trials/{TRIAL}/000001") or b""))
        assert json.loads(store.read(f"live/trials/{TRIAL}/000001") or b"")["log"] == '{"step": 1}\n'
        assert _names(store) == set()
        _write(here.trial, checkpoint__last="1")
        wait(lambda: _read(store, "checkpoint/last") == b"1")
        assert _read(store, "log.jsonl") == b'{"step": 1}\n'


DIES = """
import os, sys, signal
from pathlib import Path
from sweeps.storage.lease import Pace
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store
from sweeps.storage.attempt.hold import open_trial
url, cache, trial, beat_s = sys.argv[1:]
with open_trial(ObjectRuns(Store(url), Path(cache), Pace(float(beat_s), 4)), trial) as here:
    (here.trial / "checkpoint").mkdir(parents=True, exist_ok=True)
    (here.trial / "checkpoint" / "last").write_text("unpushed")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _die(runs: ObjectRuns, beat_s: float = 60) -> None:
    died = subprocess.run(
        [sys.executable, "-c", DIES, runs.store.url, str(runs.cache), TRIAL, str(beat_s)], check=False
    )
    assert died.returncode == -signal.SIGKILL


def test_what_a_killed_process_had_not_pushed_is_found_on_its_node_at_once(node: Node, store: Store) -> None:
    _die(node("a"))
    assert _read(store, "checkpoint/last") is None
    with open_trial(ObjectRuns(store, node("a").cache, Pace(1, 1000)), TRIAL) as here:  # no wait for the lease
        assert (here.trial / "checkpoint" / "last").read_text() == "unpushed"
    assert _read(store, "checkpoint/last") == b"unpushed"


def test_another_node_waits_for_the_lease_and_the_old_folder_counts_no_more(node: Node, store: Store) -> None:
    store.put(f"trials/{TRIAL}/checkpoint/last", b"pushed")
    _die(node("a"))
    with open_trial(node("b"), TRIAL) as here:
        assert (here.trial / "checkpoint" / "last").read_text() == "pushed"
        _write(here.trial, checkpoint__last="newer")
    with open_trial(node("a"), TRIAL) as here:
        assert (here.trial / "checkpoint" / "last").read_text() == "newer"


def test_a_cache_that_machines_share_without_their_locks_gives_no_trial_away(
    node: Node, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a home on network storage that is mounted with `nolock`: each machine sees its own locks alone."""
    with open_trial(ObjectRuns(store, node("a").cache, Pace(0.05, 30)), TRIAL) as held:
        monkeypatch.setattr(private_folder.fcntl, "flock", lambda *_: None)
        monkeypatch.setattr(private_folder, "this_boot", lambda: "another machine")
        with pytest.raises(TrialBusyError), open_trial(ObjectRuns(store, node("a").cache), TRIAL, wait_s=0.2):
            pass
        assert held.runs.is_dir()


def test_a_folder_whose_files_had_not_all_arrived_is_not_taken_over(node: Node, store: Store) -> None:
    store.put(f"trials/{TRIAL}/checkpoint/last", b"pushed")
    _die(node("a"))
    folder = next(node("a").workspaces.iterdir())
    (folder / "pulled").unlink()
    (folder / "trials" / TRIAL / "checkpoint" / "last").unlink()
    with open_trial(node("a"), TRIAL) as here:
        assert (here.trial / "checkpoint" / "last").read_text() == "pushed"
    assert _read(store, "checkpoint/last") == b"pushed"


class LostError(Exception):
    pass


def test_a_trial_that_was_taken_over_pushes_no_result(node: Node, store: Store, tmp_path: Path) -> None:
    def lose() -> None:
        raise LostError  # in place of the end of the process

    key = trial_key(TRIAL)
    held = Held(store, claim(store, key), Pace(60, 100), on_lost=lose)
    late = Workspace(store, TRIAL, tmp_path / "late", 1)
    _write(late.runs / "results" / "trials", **{f"{TRIAL}.parquet": "late"})
    assert store.put_new(lease_name(key, 2), b"{}")
    with pytest.raises(LostError):
        late.push(held.ensure)
    assert not store.has(f"results/trials/{TRIAL}.parquet")
    _write(late.runs / "results" / "cases", **{f"{TRIAL}.parquet": "late"})
    with pytest.raises(LostError):
        late.push(held.ensure)
    assert not store.has(f"results/cases/{TRIAL}.parquet")


LATE = """
import os, sys, time
from pathlib import Path
from sweeps.storage.lease import Pace, lease_name
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store
from sweeps.storage.attempt.hold import open_trial
url, cache, trial = sys.argv[1:]
store = Store(url)
with open_trial(ObjectRuns(store, Path(cache), Pace(0.2, 30)), trial) as here:
    row = here.runs / "results" / "trials" / f"{trial}.parquet"
    row.parent.mkdir(parents=True)
    row.write_text("late")
    store.put_new(lease_name(f"trials/{trial}", 2), b"{}")
print("not reached")
"""


def test_the_process_of_a_trial_that_was_taken_over_ends_itself(node: Node, store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATE, store.url, str(node("a").cache), TRIAL],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (75, "")
    assert not store.has(f"results/trials/{TRIAL}.parquet")


def test_results_that_can_not_be_pushed_stay_and_are_pushed_later(node: Node, store: Store, monkeypatch) -> None:
    runs = node("a")

    def refuse(*_: object) -> None:
        raise StoreError("no")

    with pytest.raises(StoreError, match="no"), open_trial(runs, TRIAL) as here:  # noqa: PT012 - the end raises
        _write(here.trial, weights="trained")
        monkeypatch.setattr(Store, "put", refuse)
        monkeypatch.setattr(Held, "ensure", lambda held: None)
    monkeypatch.undo()
    with open_trial(ObjectRuns(store, runs.cache, Pace(1, 1000)), TRIAL):
        pass
    assert _read(store, "weights") == b"trained"

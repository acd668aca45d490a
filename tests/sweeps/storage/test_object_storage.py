from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from simcvd.config import load_preset
from simcvd.errors import UserError
from sweeps.on_ray.lost import record_lost
from sweeps.status import lock
from sweeps.storage import object_storage
from sweeps.storage.boot import this_boot
from sweeps.storage.lease import Held, Pace, claim
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.object_storage import EPOCH_FILE, ObjectStorage

TRIAL = "simcvd-s0-abc"
Node = Callable[[str], ObjectRuns]


def test_a_trial_that_was_lost_too_often_is_recorded_in_the_store(node: Node, make_job, tmp_path: Path) -> None:
    storage = ObjectStorage(node("command"))
    record_lost(make_job(tmp_path, storage=storage), load_preset("phantom"), TRIAL, "it died\nof hunger")
    row = storage.recorded(TRIAL)
    assert row is not None
    assert (row["status"], row["failure_kind"]) == ("failed", "worker_lost")
    assert row["failure_message"].endswith("ended 3 times without a result; the last time: of hunger")
    assert storage.recorded("another") is None


def test_a_sweep_that_another_machine_runs_is_not_taken_for_one_that_died_here(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both have one home, on network storage, and see each its own locks alone."""
    monkeypatch.setattr(lock.fcntl, "flock", lambda *_: None)
    monkeypatch.setattr(object_storage, "claim", partial(_soon, claim=object_storage.claim))
    runs = ObjectRuns(node("home").store, node("home").cache, Pace(0.05, 30))
    told: list[str] = []
    with ObjectStorage(runs).held("mine", told.append):
        monkeypatch.setattr(object_storage, "this_boot", lambda: "another machine")
        with pytest.raises(UserError, match="The sweep mine is being run by another command"):
            _hold(ObjectStorage(runs))


def test_a_sweep_whose_command_died_on_this_machine_goes_on_at_once(node: Node, tmp_path: Path) -> None:
    runs = ObjectRuns(node("home").store, node("home").cache, Pace(1000, 1000))
    claim(runs.store, "sweeps/mine")  # by a command that was killed
    epoch = runs.mirror / "sweeps" / "mine" / EPOCH_FILE
    epoch.parent.mkdir(parents=True)
    epoch.write_text(f"1 {this_boot()}")
    _hold(ObjectStorage(runs))
    assert epoch.read_text() == f"2 {this_boot()}"


@pytest.mark.parametrize("content", ["1", "", "1 another machine", "2 {here}"])
def test_a_lease_of_which_this_machine_knows_nothing_is_waited_for(
    node: Node, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 0.1 wrote the number alone."""
    monkeypatch.setattr(object_storage, "claim", partial(_soon, claim=object_storage.claim))
    runs = ObjectRuns(node("home").store, node("home").cache, Pace(0.05, 30))
    with Held(runs.store, claim(runs.store, "sweeps/mine"), runs.pace):
        epoch = runs.mirror / "sweeps" / "mine" / EPOCH_FILE
        epoch.parent.mkdir(parents=True)
        epoch.write_text(content.format(here=this_boot()))
        with pytest.raises(UserError, match="The sweep mine is being run by another command"):
            _hold(ObjectStorage(runs))


def _hold(storage: ObjectStorage) -> None:
    with storage.held("mine", lambda sentence: None):
        pass


def _soon(*given: Any, claim: Callable[..., Any], **named: Any) -> Any:
    """Claim a lease without the patience of a command."""
    return claim(*given, **(named | {"wait_s": 0.2}))

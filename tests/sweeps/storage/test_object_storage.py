from collections.abc import Callable
from pathlib import Path

from simcvd.config import load_preset
from sweeps.on_ray.lost import record_lost
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.object_storage import ObjectStorage

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

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.runs.records import read_trials
from simcvd.config import load_preset, trial_id
from simcvd.data.store import open_info
from sweeps.on_ray.job import Job
from sweeps.on_ray.lost import record_lost
from sweeps.status.trial import trial_folder

GPU = "The GPU of node b failed: uncorrectable ECC error."
THREE_TIMES = "The process of this trial ended 3 times without a result; the last time: "


@pytest.mark.parametrize(
    ("reason", "kind", "message"),
    [
        ("The actor died.\nIt was hungry.", "worker_lost", "It was hungry."),
        ("", "worker_lost", "no reason given"),
        (
            "Failure # 1\n1 worker(s) were killed due to the node running low on memory. 2 GB used.\n[\nSet less.",
            "out_of_memory",
            "1 worker(s) were killed due to the node running low on memory. 2 GB used.",
        ),
        ("RuntimeError: CUDA error: out of memory", "out_of_memory", "RuntimeError: CUDA error: out of memory"),
        (f"\x1b[36mray::run()\x1b[39m\nsweeps.gpu_failures.GpuError: {GPU}\n", "gpu_error", GPU),
        (
            "Training failed due to worker errors:\nRuntimeError: CUDA error: misaligned address\nCompile with ...",
            "gpu_error",
            "The GPU failed: misaligned address.",
        ),
    ],
)
def test_a_trial_that_was_lost_too_often_is_recorded_by_its_last_reason(
    dataset: Path, make_job: Callable[..., Job], tmp_path: Path, reason: str, kind: str, message: str
) -> None:
    config = load_preset("phantom")
    identity = trial_id(config, open_info(dataset).digest)
    record_lost(make_job(tmp_path), config, identity, reason)
    row = read_trials(tmp_path).iloc[0]
    assert (row["status"], row["failure_kind"]) == ("failed", kind)
    assert row["failure_message"] == THREE_TIMES + message
    log = trial_folder(tmp_path, identity) / "failure.txt"
    assert log.exists() is (kind == "gpu_error")
    assert not log.exists() or "\x1b" not in log.read_text()

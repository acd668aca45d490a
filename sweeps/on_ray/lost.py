"""Trials whose process was lost too often to try them again: what is recorded of them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from simcvd.config import TrialConfig
from simcvd.device_errors import says_out_of_memory
from sweeps.on_ray.gpu_failures import last_words
from sweeps.on_ray.trial import Job
from sweeps.status.lock import TrialBusyError, trial_lock
from sweeps.status.trial import read_result, trial_folder
from sweeps.storage.workspace import open_trial
from sweeps.trial.records import record_failure
from sweeps.trial.watchdog import hang_place, hang_report

LOST_WORKER_RETRIES: Final = 2


def record_lost(job: Job, config: TrialConfig, trial_id: str, reason: str) -> None:
    """Record a trial whose process was lost too often, unless it has recorded itself."""
    times = f"{LOST_WORKER_RETRIES + 1} times"
    # Another command may have taken it up by now.
    with suppress(TrialBusyError), _files_of_lost(job, trial_id) as runs:
        folder = trial_folder(runs, trial_id)
        row = read_result(runs, trial_id)
        if row is not None and row["status"] in {*job.over, "failed"}:
            return
        log = None
        if place := hang_place(folder):
            kind, log = "hung", hang_report(folder)
            message = f"This trial was ended {times} without a result; the last time, it hung in {place}"
        elif gpu := last_words(reason):
            kind, log = "gpu_error", gpu[1]
            message = f"The process of this trial ended {times} without a result; the last time: {gpu[0]}"
        else:
            kind = "out_of_memory" if says_out_of_memory(reason) else "worker_lost"
            last = reason.strip().splitlines()[-1] if reason.strip() else "no reason given"
            message = f"The process of this trial ended {times} without a result; the last time: {last}"
        record_failure(config, job.dataset, runs, trial_id, kind, message, log)


@contextmanager
def _files_of_lost(job: Job, trial_id: str) -> Iterator[Path]:
    """Hold a trial alone and yield the runs folder that its files are in."""
    with ExitStack() as held:
        if job.remote is not None:
            yield held.enter_context(open_trial(job.remote, trial_id, wait_s=1)).runs
            return
        held.enter_context(trial_lock(trial_folder(job.runs, trial_id), wait_s=1))
        yield job.runs

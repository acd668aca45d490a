"""Trials whose process was lost too often to try them again: what is recorded of them."""

import re
from contextlib import suppress
from typing import Final

from simcvd.config import TrialConfig
from simcvd.device_errors import says_out_of_memory
from sweeps.on_ray.gpu_failures import last_words
from sweeps.on_ray.job import Job
from sweeps.on_ray.node_loss import LOST_WORKER_RETRIES
from sweeps.status.lock import TrialBusyError
from sweeps.status.trial import read_result, trial_folder
from sweeps.trial.records import record_failure
from sweeps.trial.watchdog import hang_position, hang_report

_MEMORY_MONITOR: Final = re.compile(r"^.*\blow on memory\b.*$", re.MULTILINE)
"""What Ray says of a process that it ended itself, in many lines more."""


def record_lost(job: Job, config: TrialConfig, trial_id: str, reason: str) -> None:
    """Record a trial whose process was lost too often, unless it has recorded itself."""
    times = f"{LOST_WORKER_RETRIES + 1} times"
    found = job.storage.trial(trial_id, should_stop=lambda: True, wait_s=1)
    # Another command may have taken it up by now.
    with suppress(TrialBusyError), found as files, files.held():
        runs = files.runs
        folder = trial_folder(runs, trial_id)
        row = read_result(runs, trial_id)
        if row is not None and row["status"] in {*job.terms.over, "failed"}:
            return
        log = None
        if position := hang_position(folder):
            kind, log = "hung", hang_report(folder)
            message = f"This trial was ended {times} without a result; the last time, it hung in {position}"
        elif gpu := last_words(reason):
            kind, log = "gpu_error", gpu[1]
            message = f"The process of this trial ended {times} without a result; the last time: {gpu[0]}"
        else:
            ended = _MEMORY_MONITOR.findall(reason)
            kind = "out_of_memory" if ended or says_out_of_memory(reason) else "worker_lost"
            last = (ended or reason.strip().splitlines() or ["no reason given"])[-1]
            message = f"The process of this trial ended {times} without a result; the last time: {last}"
        record_failure(config, job.data.folder, runs, trial_id, kind, message, log)

"""One trial from its settings to its records, without Ray: `simcvd train` and every trial of a sweep come here."""

import shutil
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.runs.records import write_cases
from simcvd.config import TrialConfig
from simcvd.errors import UserError
from sweeps.status.lock import TrialBusyError, trial_lock
from sweeps.status.trial import (
    Recorded,
    has_val_scores,
    is_finished,
    is_validated,
    read_result,
    result_path,
    trial_folder,
)
from sweeps.trial.engine import Engine, default_engine
from sweeps.trial.failure_kinds import NOT_OF_TRAINING, failure_kind, is_of_storage, storage_told
from sweeps.trial.gpu_error import GpuError, fault_of
from sweeps.trial.group import from_first, rank_and_workers
from sweeps.trial.records import FAILURE_FILE, TrialRecords, TrialStatus, clear_half_written
from sweeps.trial.scoring import score_test_cases
from sweeps.trial.terms import Contact, Device, Terms
from sweeps.trial.watchdog import Watchdog, hang_position


def execute_trial(
    config: TrialConfig,
    dataset: Path,
    runs: Path,
    *,
    trial_id: str,
    device: Device | None = None,
    contact: Contact | None = None,
    terms: Terms | None = None,
    command: str | None = None,
) -> TrialStatus:
    """Train and evaluate one trial, or skip it where that is done; its records are written when this returns.

    Test cases are read only here, after training has ended, and never without `terms.test`. Inside a
    `torch.distributed` process group every worker calls this alike; the first one locks and writes, and all score test
    cases.

    Args:
        config: all settings.
        dataset: data set folder.
        runs: runs folder.
        trial_id: `simcvd.config.trial_id` of settings and data set.
        device: what to compute on.
        contact: what to report to and to hear.
        terms: what is wanted of the trial.
        command: what tells a sweep's command from others, as for `trial_lock`. What breaks the GPU for this process is
            then raised, since the process ends and the trial is tried again in another one; without, it is recorded as
            the trial's failure.

    Raises:
        UserError: settings, data and device don't fit together; nothing is recorded.
        TrialBusyError: another process runs this trial.
        DiskFullError: there is no room for its files; it continues when it is run again.
        RunsFolderError: its files can't be read or written now; the same.
    """
    device, outside, terms = device or Device(), contact or Contact(), terms or Terms()
    folder = trial_folder(runs, trial_id)
    rank, workers = rank_and_workers()
    with storage_told(runs), ExitStack() as held:

        def begin() -> TrialStatus | None:
            held.enter_context(trial_lock(folder, outside.tell, command=command))
            clear_half_written(runs, trial_id)
            if outside.tell is not None and (position := hang_position(folder)):
                outside.tell(
                    f"The trial {trial_id} hung in {position}; its process was ended, and it goes on from its "
                    "checkpoint."
                )
            return _before(runs, trial_id, terms)

        status = from_first(begin)
        trained = status is not None and status.state == "validated"
        if status is not None and not (trained and terms.test):
            return status
        outside.begun()
        hears = held.enter_context(Watchdog(folder, terms.hang_timeout_s, rank)).hears(outside.should_stop)
        records = TrialRecords(config, dataset, runs, trial_id)
        trial = _Trial(records, dataset, device, replace(outside, should_stop=hears), terms, rank == 0)
        try:
            return trial.run() if status is None else trial.add_test(status)
        except UserError:
            raise
        except (KeyboardInterrupt, SystemExit):
            if rank == 0 and not trained:
                trial.records.write("interrupted")
            raise
        except Exception as error:
            if is_of_storage(error, runs):
                raise
            if fault := fault_of(error):
                if command is not None:
                    raise
                told = GpuError.of(fault)
                told.__cause__ = error
                error = told
            kind = failure_kind(error)
            if workers > 1:
                # The others of the group can't go on alone, and fail for no reason of their own when one is lost.
                if kind is not None:
                    trial.records.fail(kind, error)
                raise
            return trial.records.fail(kind or type(error).__name__, error)


def tidy_up(runs: Path, trial_ids: Iterable[str]) -> None:
    """Delete the checkpoints of trials that are over, where the processes were killed before they did it."""
    for trial_id in trial_ids:
        folder = trial_folder(runs, trial_id)
        if not (folder / "checkpoint").is_dir() and not any(folder.glob("hang*.txt")):
            continue
        with suppress(TrialBusyError), trial_lock(folder, wait_s=0):
            if is_finished(runs, trial_id) or is_validated(runs, trial_id):
                clear_half_written(runs, trial_id)
                _drop_checkpoint(folder)


@dataclass(frozen=True)
class _Trial:
    """Runs one trial; `first` is the worker that writes."""

    records: TrialRecords
    dataset: Path
    device: Device
    contact: Contact
    terms: Terms
    first: bool

    @property
    def engine(self) -> Engine:
        return (self.terms.engine or default_engine()).running_in(self.device.precision)

    def run(self) -> TrialStatus:
        from simcvd.training.interruption import Interrupted, Stopped

        records, judge, first = self.records, self.terms.judge, self.first
        try:
            outcome = self.engine.train(
                records.config,
                self.dataset,
                records.folder,
                device=self.device.name,
                threads=self.device.threads,
                report=self.contact.report,
                should_stop=self.contact.should_stop,
                tell=self.contact.tell,
                **({} if judge is None else {"judge": judge}),
            )
            test_rows = self._test_rows() if self.terms.test else []
            if first:
                write_cases(records.runs, records.id, records.rows("val", outcome.val_scores) + test_rows)
        except Interrupted as stop:
            return records.write("interrupted", message=str(stop), write=first)
        except Stopped as stop:
            return records.write("stopped", message=str(stop), write=first)
        # The row comes last: it says that everything else is there.
        state: Recorded = "finished" if self.terms.test else "validated"
        status = records.write(state, steps=outcome.steps, seconds=outcome.seconds, write=first)
        if first:
            _drop_checkpoint(records.folder)
        return status

    def add_test(self, validated: TrialStatus) -> TrialStatus:
        """Score the test cases of a trial that has its weights and val scores; until then its row stays as it is."""
        from simcvd.training.interruption import Interrupted

        records = self.records
        try:
            test_rows = self._test_rows()
            if self.first:
                write_cases(records.runs, records.id, records.recorded_rows("val") + test_rows)
        except Interrupted as stop:
            return replace(validated, state="interrupted", skipped=False, message=str(stop))
        return records.write("finished", steps=validated.steps, seconds=validated.seconds, write=self.first)

    def _test_rows(self) -> list[dict[str, Any]]:
        return score_test_cases(self.records, self.dataset, self.engine, self.device.name, self.contact.should_stop)


def _before(runs: Path, trial_id: str, terms: Terms) -> TrialStatus | None:
    """Return what is already known of a trial that is not to run, or none."""
    row, folder = read_result(runs, trial_id), trial_folder(runs, trial_id)
    if row is None or row["status"] != "failed":
        (folder / FAILURE_FILE).unlink(missing_ok=True)  # of a failure whose row was not written any more
    if row is None:
        return None
    steps, seconds = int(row["steps"] or 0), float(row["seconds"] or 0)
    if is_finished(runs, trial_id):
        _drop_checkpoint(folder)
        return TrialStatus(trial_id, "finished", True, steps=steps, seconds=seconds)
    if is_validated(runs, trial_id):
        _drop_checkpoint(folder)
        return TrialStatus(trial_id, "validated", True, steps=steps, seconds=seconds)
    if row["status"] == "stopped" and terms.judge is not None:
        return TrialStatus(trial_id, "stopped", True, steps=steps, seconds=seconds)
    if row["status"] == "failed":
        if not terms.retry_failed:
            return TrialStatus(trial_id, "failed", True, row["failure_kind"], row["failure_message"], steps, seconds)
        if row["failure_kind"] in NOT_OF_TRAINING:
            if not (folder / "checkpoint").is_dir() and has_val_scores(runs, trial_id):
                return TrialStatus(trial_id, "validated", True, steps=steps, seconds=seconds)
        else:
            # Anew, since the checkpoint may hold what broke the trial; and only once: the failure is forgotten last.
            _drop_checkpoint(folder)
            (folder / "log.jsonl").unlink(missing_ok=True)
        for path in (folder / FAILURE_FILE, result_path(runs, trial_id)):
            path.unlink(missing_ok=True)
    return None


def _drop_checkpoint(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)

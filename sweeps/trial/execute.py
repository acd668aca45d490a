"""One trial from its settings to its records, without Ray: `simcvd train` and every trial of a sweep come here."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.runs.records import write_cases
from simcvd.config import TrialConfig
from simcvd.errors import UserError
from sweeps.status.lock import trial_lock
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
from sweeps.trial.failure_kinds import NOT_OF_TRAINING, failure_kind, full_disk_told, is_disk_full
from sweeps.trial.gpu_error import GpuError, fault_of
from sweeps.trial.group import from_first, rank_and_workers
from sweeps.trial.records import FAILURE_FILE, TrialRecords, TrialStatus, clear_half_written
from sweeps.trial.scoring import score_test_cases
from sweeps.trial.watchdog import Watchdog, hang_place

if TYPE_CHECKING:
    from simcvd.training.interruption import Judge

Tell = Callable[[str], None]


def execute_trial(
    config: TrialConfig,
    dataset: Path,
    runs: Path,
    *,
    trial_id: str,
    device: str = "auto",
    precision: str | None = None,
    threads: int | None = None,
    report: Callable[[Mapping[str, Any]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    tell: Tell | None = None,
    retry_failed: bool = False,
    engine: Engine | None = None,
    test: bool = True,
    judge: "Judge | None" = None,
    hang_timeout_s: float | None = None,
    command: str | None = None,
    begun: Callable[[], object] = lambda: None,
    gpu_errors_pass: bool = False,
) -> TrialStatus:
    """Train and evaluate one trial, or skip it where that is done; its records are written when this returns.

    Test cases are read only here, after training has ended, and never without `test`. Inside a `torch.distributed`
    process group every worker calls this alike; the first one locks and writes, and all score test cases.

    Args:
        config: all settings.
        dataset: data set folder.
        runs: runs folder.
        trial_id: `simcvd.config.trial_id` of settings and data set.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: what `training.precision=auto` is resolved to by who runs many trials; none asks the device.
        threads: CPU threads for torch; none leaves them.
        report: gets each line of the log.
        should_stop: is asked between steps.
        tell: gets sentences for the user.
        retry_failed: start a failed trial anew.
        engine: what trains and scores, in place of `simcvd.training`.
        test: score the test cases too; without, a trial ends `validated`. One that has ended so is not trained again
            for them.
        judge: may end the training early; the trial is `stopped` then, and goes on when it is run without a judge.
        hang_timeout_s: end this process when the trial gives no sign of life for so long; none waits for ever.
        command: what tells the command from others, as for `trial_lock`.
        begun: is called by every worker once it is known that the trial runs, before its files are read.
        gpu_errors_pass: raise what has broken the GPU for this process, since the caller ends it and tries the trial
            again in another one; without, it is recorded as the trial's failure.

    Raises:
        UserError: settings, data and device don't fit together; nothing is recorded.
        TrialBusyError: another process runs this trial.
        DiskFullError: there is no room for its files; it continues when it is run again.
    """
    engine = (engine or default_engine()).running_in(precision)
    folder = trial_folder(runs, trial_id)
    rank, workers = rank_and_workers()
    with full_disk_told(runs), ExitStack() as held:

        def begin() -> TrialStatus | None:
            held.enter_context(trial_lock(folder, tell, command=command))
            clear_half_written(runs, trial_id)
            if tell is not None and (place := hang_place(folder)):
                tell(
                    f"The trial {trial_id} hung in {place}; its process was ended, and it goes on from its checkpoint."
                )
            return _before(runs, trial_id, retry_failed, judge)

        status = from_first(begin)
        trained = status is not None and status.state == "validated"
        if status is not None and not (trained and test):
            return status
        begun()
        trial = _Trial(TrialRecords(config, dataset, runs, trial_id), dataset, engine, device)
        should_stop = held.enter_context(Watchdog(folder, hang_timeout_s, rank)).hears(should_stop)
        try:
            if status is not None:
                return trial.add_test(status, should_stop, first=rank == 0)
            return trial.run(threads, report, should_stop, tell, judge, first=rank == 0, test=test)
        except UserError:
            raise
        except (KeyboardInterrupt, SystemExit):
            if rank == 0 and not trained:
                trial.records.write("interrupted")
            raise
        except Exception as error:
            if is_disk_full(error, runs):
                raise
            if fault := fault_of(error):
                if gpu_errors_pass:
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


@dataclass(frozen=True)
class _Trial:
    """Runs one trial."""

    records: TrialRecords
    dataset: Path
    engine: Engine
    device: str

    def run(
        self,
        threads: int | None,
        report: Callable[[Mapping[str, Any]], None] | None,
        should_stop: Callable[[], bool] | None,
        tell: Tell | None,
        judge: "Judge | None",
        *,
        first: bool,
        test: bool,
    ) -> TrialStatus:
        from simcvd.training.interruption import Interrupted, Stopped

        records = self.records
        try:
            outcome = self.engine.train(
                records.config,
                self.dataset,
                records.folder,
                device=self.device,
                threads=threads,
                report=report,
                should_stop=should_stop,
                tell=tell,
                **({} if judge is None else {"judge": judge}),
            )
            test_rows = self._test_rows(should_stop) if test else []
            if first:
                write_cases(records.runs, records.id, records.rows("val", outcome.val_scores) + test_rows)
        except Interrupted as stop:
            return records.write("interrupted", message=str(stop), write=first)
        except Stopped as stop:
            return records.write("stopped", message=str(stop), write=first)
        # The row comes last: it says that everything else is there.
        state: Recorded = "finished" if test else "validated"
        status = records.write(state, steps=outcome.steps, seconds=outcome.seconds, write=first)
        if first:
            _drop_checkpoint(records.folder)
        return status

    def add_test(self, validated: TrialStatus, should_stop: Callable[[], bool] | None, *, first: bool) -> TrialStatus:
        """Score the test cases of a trial that has its weights and val scores; until then its row stays as it is."""
        from simcvd.training.interruption import Interrupted

        records = self.records
        try:
            test_rows = self._test_rows(should_stop)
            if first:
                write_cases(records.runs, records.id, records.recorded_rows("val") + test_rows)
        except Interrupted as stop:
            return replace(validated, state="interrupted", skipped=False, message=str(stop))
        return records.write("finished", steps=validated.steps, seconds=validated.seconds, write=first)

    def _test_rows(self, should_stop: Callable[[], bool] | None) -> list[dict[str, Any]]:
        return score_test_cases(self.records, self.dataset, self.engine, self.device, should_stop)


def _before(runs: Path, trial_id: str, retry_failed: bool, judge: "Judge | None") -> TrialStatus | None:
    """Return what is already known of a trial that is not to run, or none."""
    row = read_result(runs, trial_id)
    if row is None:
        return None
    steps, seconds = int(row["steps"] or 0), float(row["seconds"] or 0)
    folder = trial_folder(runs, trial_id)
    if is_finished(runs, trial_id):
        _drop_checkpoint(folder)
        return TrialStatus(trial_id, "finished", True, steps=steps, seconds=seconds)
    if is_validated(runs, trial_id):
        _drop_checkpoint(folder)
        return TrialStatus(trial_id, "validated", True, steps=steps, seconds=seconds)
    if row["status"] == "stopped" and judge is not None:
        return TrialStatus(trial_id, "stopped", True, steps=steps, seconds=seconds)
    if row["status"] == "failed":
        if not retry_failed:
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

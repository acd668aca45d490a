"""One trial from its settings to its records, without Ray: `simcvd train` and every trial of a sweep come here."""

import json
import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.masks import MaskWriter
from analysis.records import CASE_SCHEMA, SETTING_PREFIX, read_cases, write_cases, write_trial
from simcvd.config import TrialConfig, config_hash
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from sweeps.trial_state import (
    Recorded,
    is_finished,
    is_validated,
    read_log,
    read_result,
    result_path,
    trial_folder,
    trial_lock,
)

if TYPE_CHECKING:
    from simcvd.training.interruption import Judge

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Engine:
    """What trains and what scores a trial.

    Attributes:
        train: `simcvd.training.run.run_training` or one with its signature.
        evaluate: `simcvd.training.evaluation.evaluate_trial` or one with its signature.
    """

    train: Callable[..., Any]
    evaluate: Callable[..., Sequence[Any]]


@dataclass(frozen=True)
class TrialStatus:
    """What became of a trial.

    Attributes:
        trial_id: the trial's id.
        state: `interrupted` continues when the command runs again; `validated` is trained and scored on the val cases,
            and lacks the test scores alone; `stopped` was ended early by a search, and continues where it is wanted.
        skipped: nothing was computed, the state is from before.
        kind: of a failure, such as `nan`, `out_of_memory` or the name of an exception.
        message: one sentence on a failure or interruption.
        steps: training steps done.
        seconds: spent in them, over all sessions.
    """

    trial_id: str
    state: Recorded
    skipped: bool = False
    kind: str | None = None
    message: str | None = None
    steps: int = 0
    seconds: float = 0.0


def execute_trial(
    config: TrialConfig,
    dataset: Path,
    runs: Path,
    *,
    trial_id: str,
    device: str = "auto",
    threads: int | None = None,
    report: Callable[[Mapping[str, Any]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    tell: Tell | None = None,
    retry_failed: bool = False,
    engine: Engine | None = None,
    test: bool = True,
    judge: "Judge | None" = None,
) -> TrialStatus:
    """Train and evaluate one trial, or skip it where that is done; its records are written when this returns.

    Test cases are read only here, after training has ended, and never without `test`. Inside a `torch.distributed`
    process group every worker calls this alike; the first one locks, evaluates and writes.

    Args:
        config: all settings.
        dataset: data set folder.
        runs: runs folder.
        trial_id: `simcvd.config.trial_id` of settings and data set.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: CPU threads for torch; none leaves them.
        report: gets each line of the log.
        should_stop: is asked between steps.
        tell: gets sentences for the user.
        retry_failed: start a failed trial anew.
        engine: what trains and scores, in place of `simcvd.training`.
        test: score the test cases too; without, a trial ends `validated`. One that has ended so is not trained again
            for them.
        judge: may end the training early; the trial is `stopped` then, and goes on when it is run without a judge.

    Raises:
        UserError: settings, data and device don't fit together; nothing is recorded.
        TrialBusyError: another process runs this trial.
    """
    engine = engine or _default_engine()
    folder = trial_folder(runs, trial_id)
    rank, workers = _rank_and_workers()
    with trial_lock(folder, tell) if rank == 0 else nullcontext():
        status = _from_first(_before(runs, trial_id, retry_failed, judge) if rank == 0 else None)
        trained = status is not None and status.state == "validated"
        if status is not None and not (trained and test):
            return status
        trial = _Trial(config, dataset, runs, trial_id)
        try:
            if status is not None:
                return trial.add_test(status, engine, device, should_stop, first=rank == 0)
            return trial.run(engine, device, threads, report, should_stop, tell, judge, first=rank == 0, test=test)
        except UserError:
            raise
        except (KeyboardInterrupt, SystemExit):
            if rank == 0 and not trained:
                trial.record("interrupted")
            raise
        except Exception as error:
            kind = getattr(error, "kind", None)
            if workers > 1:
                # The others of the group can't go on alone, and fail for no reason of their own when one is lost.
                if kind is not None:
                    trial.fail(kind, error)
                raise
            return trial.fail(kind or type(error).__name__, error)


def record_failure(
    config: TrialConfig, dataset: Path, runs: Path, trial_id: str, kind: str, message: str
) -> TrialStatus:
    """Record a trial that ended without being able to record itself, such as one whose process was killed."""
    return _Trial(config, dataset, runs, trial_id).record("failed", kind=kind, message=message)


class _Trial:
    """Runs and records one trial."""

    def __init__(self, config: TrialConfig, dataset: Path, runs: Path, trial_id: str) -> None:
        from simcvd.data.store import open_info

        self.config, self.dataset, self.runs, self.id = config, dataset, runs, trial_id
        self.folder = trial_folder(runs, trial_id)
        self.info = open_info(dataset)
        self.identity = {
            "trial_id": trial_id,
            "config_hash": config_hash(config, self.info.digest),
            "method": config.method,
            "seed": config.seed,
            "label_split": config.data.label_split,
            "dataset": self.info.name,
        }

    def run(
        self,
        engine: Engine,
        device: str,
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

        try:
            outcome = engine.train(
                self.config,
                self.dataset,
                self.folder,
                device=device,
                threads=threads,
                report=report,
                should_stop=should_stop,
                tell=tell,
                **({} if judge is None else {"judge": judge}),
            )
            if first:
                rows = self._rows("val", outcome.val_scores)
                if test:
                    rows += self._test_rows(engine, device, should_stop)
                write_cases(self.runs, self.id, rows)
        except Interrupted as stop:
            return self.record("interrupted", message=str(stop), write=first)
        except Stopped as stop:
            return self.record("stopped", message=str(stop), write=first)
        # The row comes last: it says that everything else is there.
        state: Recorded = "finished" if test else "validated"
        status = self.record(state, steps=outcome.steps, seconds=outcome.seconds, write=first)
        if first:
            _drop_checkpoint(self.folder)
        return status

    def add_test(
        self,
        validated: TrialStatus,
        engine: Engine,
        device: str,
        should_stop: Callable[[], bool] | None,
        *,
        first: bool,
    ) -> TrialStatus:
        """Score the test cases of a trial that has its weights and val scores; until then its row stays as it is."""
        from simcvd.training.interruption import Interrupted

        try:
            if first:
                rows = self._recorded_rows("val") + self._test_rows(engine, device, should_stop)
                write_cases(self.runs, self.id, rows)
        except Interrupted as stop:
            return replace(validated, state="interrupted", skipped=False, message=str(stop))
        return self.record("finished", steps=validated.steps, seconds=validated.seconds, write=first)

    def _test_rows(self, engine: Engine, device: str, should_stop: Callable[[], bool] | None) -> list[dict[str, Any]]:
        from simcvd.training.interruption import Interrupted

        if not self.info.splits.test:
            return []
        with MaskWriter(self.runs, self.id) as masks:

            def on_case(case_id: str, mask: Any) -> None:
                masks.add(case_id, mask)
                if should_stop is not None and should_stop():
                    raise Interrupted(f"Stopped while scoring {case_id}; run the same command again to continue.")

            return self._rows(
                "test", engine.evaluate(self.folder, self.dataset, "test", device=device, on_case=on_case)
            )

    def fail(self, kind: str, error: Exception) -> TrialStatus:
        (self.folder / "failure.txt").write_text("".join(traceback.format_exception(error)))
        message = " ".join(str(error).split()) or type(error).__name__
        return self.record("failed", kind=kind, message=message)

    def record(
        self,
        state: Recorded,
        *,
        kind: str | None = None,
        message: str | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        write: bool = True,
    ) -> TrialStatus:
        last: dict[str, Any] = next(reversed(read_log(self.folder)), {})
        steps = int(last.get("step", 0)) if steps is None else steps
        seconds = float(last.get("seconds") or 0) if seconds is None else seconds
        if write:
            environment = _environment(self.folder)
            write_trial(
                self.runs,
                self.identity
                | {
                    "dataset_digest": self.info.digest,
                    "status": state,
                    "failure_kind": kind,
                    "failure_message": message if state == "failed" else None,
                    "steps": steps,
                    "seconds": seconds,
                    "device": environment.get("device_name") or environment.get("device"),
                    "versions": environment.get("packages"),
                    "git_commit": environment.get("git_commit"),
                }
                | {f"{SETTING_PREFIX}{key}": value for key, value in flatten(self.config).items()},
            )
        return TrialStatus(self.id, state, False, kind, message, steps, seconds)

    def _rows(self, split: str, scores: Sequence[Any]) -> list[dict[str, Any]]:
        known = self.identity | {"split": split}
        return [{key: known[key] if key in known else getattr(score, key) for key in CASE_SCHEMA} for score in scores]

    def _recorded_rows(self, split: str) -> list[dict[str, Any]]:
        rows = read_cases(self.runs, [self.id])
        rows = rows[rows["split"] == split]
        return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


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
        # Anew, since the checkpoint may hold what broke the trial; and only once, so the failure is forgotten last.
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)
        for path in (folder / "log.jsonl", folder / "failure.txt", result_path(runs, trial_id)):
            path.unlink(missing_ok=True)
    return None


def _default_engine() -> Engine:
    from simcvd.training.evaluation import evaluate_trial
    from simcvd.training.run import run_training

    return Engine(run_training, evaluate_trial)


def _drop_checkpoint(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)


def _environment(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _rank_and_workers() -> tuple[int, int]:
    from simcvd.training.distributed import rank_and_workers

    return rank_and_workers()


def _from_first(status: TrialStatus | None) -> TrialStatus | None:
    """Return the first worker's `status` on every worker."""
    if _rank_and_workers()[1] == 1:
        return status
    from torch import distributed

    shared = [status]
    distributed.broadcast_object_list(shared, src=0)
    return shared[0]

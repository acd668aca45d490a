"""Put a trial together and run it: the only place that knows every part."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from simcvd.config import TrialConfig, config_hash, digests_of
from simcvd.config.batch import check_batch
from simcvd.data.loading import CropLoader
from simcvd.data.store import CaseFile, open_training
from simcvd.device_errors import is_out_of_memory
from simcvd.inference.evaluate import CaseScores, evaluate_cases
from simcvd.inference.weights import save_student
from simcvd.methods.base import Method
from simcvd.methods.registry import create
from simcvd.training.checkpoint import CheckpointWriter, Progress, load_checkpoint
from simcvd.training.distributed import any_worker, gather_rows, join_shares, own_share, rank_and_workers
from simcvd.training.due import Calendar
from simcvd.training.environment import choose_device, describe_environment
from simcvd.training.interruption import Interrupted, Judge, Stopped
from simcvd.training.loop import NotFiniteError, check_finite, train_steps
from simcvd.training.notices import start_notices
from simcvd.training.precision import Precision, choose_precision, confirmed_precision
from simcvd.training.report import StepReport, open_trial_folder

CHECKPOINT = Path("checkpoint") / "last.pt"
STOP_CHECK_STEPS = 10
"""With several workers, steps between asking whether any of them should stop."""


class TrainingFailed(Exception):  # noqa: N818 - the name of an outcome
    """The trial can't go on.

    Attributes:
        kind: `nan` or `out_of_memory`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class TrainingOutcome:
    """A finished training.

    Attributes:
        steps: training steps done.
        seconds: time spent in them, over all sessions.
        val_scores: the student's scores on the cases that the trial is validated on; empty where there are none.
        environment: what `environment.json` holds.
    """

    steps: int
    seconds: float
    val_scores: list[CaseScores]
    environment: Mapping[str, Any]


# Ten parameters, as of every engine that stands in for it: each is of another nature, and most callers give two.
def run_training(
    config: TrialConfig,
    dataset: Path,
    trial_dir: Path,
    *,
    device: str = "auto",
    precision: str | None = None,
    threads: int | None = None,
    report: Callable[[Mapping[str, Any]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    tell: Callable[[str], None] | None = None,
    judge: Judge | None = None,
) -> TrainingOutcome:
    """Train one trial to its end, continuing from its checkpoint where there is one.

    Inside an initialised `torch.distributed` process group every worker calls this alike; the first one writes files.

    Args:
        config: all settings.
        dataset: data set folder.
        trial_dir: gets config.yaml, environment.json, log.jsonl, events, checkpoint and the student's weights.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: what `training.precision=auto` is resolved to by who runs many trials; none asks the device.
        threads: CPU threads for torch; none leaves them.
        report: gets each line of the log, on every worker.
        should_stop: is asked between steps, and while cases are scored, where a yes has to last until the next step.
        tell: gets sentences for the user.
        judge: is asked on the first worker, after its steps, whether to go on; this changes no draw and no weight.

    Raises:
        UserError: settings, data and device don't fit together.
        TrainingFailed: a loss is no number, or memory does not suffice.
        Interrupted: `should_stop` said yes; the checkpoint holds everything.
        Stopped: `judge` said no; the checkpoint holds everything.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    place = choose_device(device)
    arithmetic = choose_precision(config.training.precision, place, resolved=precision)
    try:
        trial = _Trial(config, dataset, trial_dir, place, arithmetic, report, should_stop, tell, judge)
        return trial.run()
    except NotFiniteError as error:
        raise TrainingFailed("nan", str(error)) from error
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise TrainingFailed("out_of_memory", _memory_advice(config, place)) from error
        raise


class _Trial:
    """One session of one trial."""

    def __init__(
        self,
        config: TrialConfig,
        dataset: Path,
        trial_dir: Path,
        device: torch.device,
        precision: Precision,
        report: Callable[[Mapping[str, Any]], None] | None,
        should_stop: Callable[[], bool] | None,
        tell: Callable[[str], None] | None,
        judge: Judge | None,
    ) -> None:
        self.config, self.device, self.folder = config, device, trial_dir
        self.rank, self.workers = rank_and_workers()
        check_batch(config, self.workers)
        self.view = open_training(dataset, config.data)
        self.identity = config_hash(config, self.view.info.digest)
        channels, classes = len(self.view.info.channels), len(self.view.info.classes) + 1
        self.method: Method = create(config, channels, classes, gather_rows)
        self._tell = tell if tell is not None and self.rank == 0 else lambda sentence: None
        unlabeled = self.method.needs_unlabeled
        for notice in start_notices(config, self.view, unlabeled, device, precision.name, self.workers):
            self._tell(notice)
        self.precision = confirmed_precision(precision, config, channels, classes, device, self._tell)
        self.method.networks.to(device)
        self.start = load_checkpoint(trial_dir / CHECKPOINT, self.method, self.identity, self._tell)
        self.environment = describe_environment(device, self.precision.name, self.workers, digests_of(config))
        done = self.start.steps_done
        self.log = open_trial_folder(trial_dir, config, self.environment, done) if self.rank == 0 else None
        self._report, self._should_stop, self._judge = report, should_stop, judge
        self._calendar = Calendar(config.training, judge.steps if judge is not None else ())
        self._writer = CheckpointWriter(trial_dir / CHECKPOINT, self.method, self.identity)
        self._unchecked: StepReport | None = None
        self._started = time.monotonic()

    def run(self) -> TrainingOutcome:
        training = self.config.training
        load = CropLoader(
            self.view,
            self.config,
            self.device,
            with_unlabeled=self.method.needs_unlabeled,
            rank=self.rank,
            workers=self.workers,
        )
        every = training.gradient_norms_every_steps
        try:
            train_steps(
                self.method,
                load,
                range(self.start.steps_done, training.steps),
                seed=self.config.seed,
                device=self.device,
                autocast=self.precision.autocast,
                measure_gradients=lambda step: every is not None and step % every == 0,
                after_step=self._after_step,
            )
            seconds = self._seconds()
            scores = self._validate()
            self._log({"step": training.steps, "steps": training.steps, "seconds": seconds, "val": _summary(scores)})
            if self.rank == 0:
                student = next(iter(self.method.segmenters().values()))
                info = self.view.info
                self._writer.finish()
                save_student(self.folder, student, self.config, len(info.channels), info.classes, info.preprocessing)
        finally:
            self._writer.abandon()
            if self.log is not None:
                self.log.close()
        return TrainingOutcome(training.steps, seconds, next(iter(scores.values()), []), self.environment)

    def _after_step(self, report: StepReport) -> None:
        """Check, report, validate, save and stop, each where it is due."""
        training, done = self.config.training, report.step + 1
        due = self._calendar.after(done, with_norms=report.has_norms)
        stopping = self._stop_is_due(done)

        # The step before is checked while the device works on this one; where its numbers are read, this one too.
        if self._unchecked is not None:
            check_finite(self._unchecked.step, self._unchecked.losses())
        self._unchecked = report
        if due.logging or due.validating or stopping:
            check_finite(report.step, report.losses())
            self._unchecked = None

        if due.logging or due.validating:
            numbers = {
                "step": done,
                "steps": training.steps,
                "seconds": self._seconds(),
                "learning_rate": next(iter(self.method.stepping(report.step))).param_groups[0]["lr"],
                **report.numbers(),
            }
            if due.validating:
                scores = self._validate()
                numbers["val"] = _summary(scores)
            self._log(numbers)
        # Judged before it is saved: what is cut off in between is judged when it comes by again.
        ended = due.judging and self._is_ended(done, scores)
        if due.saving or stopping or ended:
            self._save(report)
        if ended or (stopping and not due.last):
            self._writer.finish()
        if ended:
            raise Stopped(f"Ended after step {done} of {training.steps}: others do better.")
        if stopping and not due.last:
            raise Interrupted(f"Stopped after step {done} of {training.steps}; run the same command again to continue.")

    def _stop_is_due(self, done: int) -> bool:
        if self._should_stop is None:
            return False
        if self.workers > 1 and done % STOP_CHECK_STEPS:
            return False
        return any_worker(self._should_stop(), self.device)

    def _is_ended(self, done: int, scores: Mapping[str, list[CaseScores]]) -> bool:
        first = next(iter(scores.values()), [])
        goes_on = self.rank > 0 or self._judge is None or self._judge(done, first)
        return any_worker(not goes_on, self.device)

    def _save(self, report: StepReport) -> None:
        """Begin a checkpoint; it is written only if the step's losses are numbers, and after the log of its steps."""
        self._calendar.saved()
        if (log := self.log) is not None:

            def check() -> None:
                check_finite(report.step, report.losses())
                log.flush()

            self._writer.save(Progress(report.step + 1, self._seconds()), check)

    def _validate(self) -> dict[str, list[CaseScores]]:
        cases: list[CaseFile] = own_share(self.view.val)
        if not self.view.val:
            return {}
        return {
            name: join_shares(
                evaluate_cases(
                    network,
                    cases,
                    self.config,
                    self.view.info.classes,
                    self.device,
                    self.precision.autocast,
                    on_case=self._still_there,
                )
            )
            for name, network in self.method.segmenters().items()
        }

    def _still_there(self, *_: object) -> None:
        """Ask `should_stop` while cases are scored: who waits for it knows that this is no hang; what it says keeps."""
        if self._should_stop is not None:
            self._should_stop()

    def _log(self, numbers: Mapping[str, Any]) -> None:
        if self.log is not None:
            self.log.write(numbers)
        if self._report is not None:
            self._report(numbers)

    def _seconds(self) -> float:
        return self.start.seconds + time.monotonic() - self._started


def _summary(scores: Mapping[str, list[CaseScores]]) -> dict[str, float]:
    """Return each network's mean Dice over cases and classes, e.g. `{"student_dice": 0.81}`."""
    means = {}
    for name, cases in scores.items():
        values = [case.dice for case in cases if case.dice == case.dice]
        if values:
            means[f"{name}_dice"] = sum(values) / len(values)
    return means


def _memory_advice(config: TrialConfig, device: torch.device) -> str:
    crop = " x ".join(map(str, config.data.crop_vox))
    size = config.training.batch_labeled + config.training.batch_unlabeled
    return (
        f"Memory of {device} did not suffice for {size} crops of {crop} voxels; lower training.batch_unlabeled, "
        "training.batch_labeled or data.crop_vox (for inference: inference.batch_windows)."
    )

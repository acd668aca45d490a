"""What a command asks for: a sweep, its data, where to run it, what it may use."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.definition.changes import NO_CHANGES, Changes
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.trial.engine import Engine
from sweeps.trial.terms import Terms
from sweeps.trial.watchdog import HANG_TIMEOUT_S

PROBE_STEPS = 5
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NO_GPU = "--gpu-hours is {hours:g}, but trials run on the CPU here; use --time-budget or --max-trials."


@dataclass(frozen=True)
class Budget:
    """What a command may use; none has no limit.

    Attributes:
        max_trials: trials that it runs or continues; of a search, settings to try in all.
        gpu_hours: hours of GPU; two GPUs use two in an hour, a trial on half a GPU uses half a one.
        probe_steps: steps to time of each kind of trial, to predict its hours; 0 predicts nothing.
        time_s: seconds after which running trials write a checkpoint and no more start.
    """

    max_trials: int | None = None
    gpu_hours: float | None = None
    probe_steps: int = PROBE_STEPS
    time_s: float | None = None

    def check(self, placement: Placement) -> None:
        """Refuse hours of GPU where no trial has one.

        Raises:
            UserError: with what to use instead.
        """
        if self.gpu_hours is not None and not placement.gpus:
            raise UserError(_NO_GPU.format(hours=self.gpu_hours))


@dataclass(frozen=True)
class SweepRequest:
    """What a command asks for; running, searching, looking ahead and checking are functions of it.

    Attributes:
        sweep: the sweep file.
        dataset: data set folder, or the URL of one in an object store as a path.
        runs: runs folder, or the URL of one in an object store as a path.
        changes: what is changed about the sweep.
        resources: what a trial gets.
        budget: what the command may use.
        retry_failed: run failed trials again.
        hang_timeout_s: start a trial again that gives no sign of life for so long; none waits for ever.
        cache: folder on each node's own disk that data sets are copied to; none reads them in place, unless `runs` or
            `dataset` is in an object store.
        study: database URL for a search's study in place of its journal file.
        with_test: score the test cases of each trial; without, trials end `validated` and no test case is looked at.
        given: text of the sweep file, where it is the user's own.
        is_stage: it is a stage of a tuning, whose command has other options.
        trackers: where trials are shown beside TensorBoard, as `--log` names them.
    """

    sweep: SweepFile
    dataset: Path
    runs: Path
    changes: Changes = NO_CHANGES
    resources: ResourceRequest = field(default_factory=ResourceRequest)
    budget: Budget = field(default_factory=Budget)
    retry_failed: bool = False
    hang_timeout_s: float | None = HANG_TIMEOUT_S
    cache: Path | None = None
    study: str | None = None
    with_test: bool = True
    given: str | None = None
    is_stage: bool = False
    trackers: tuple[str, ...] = ()

    def terms(self, engine: Engine | None, deadline: float | None) -> Terms:
        """Return what is wanted of each trial.

        Args:
            engine: what trains and scores, in place of `simcvd.training`.
            deadline: when the command stops, in seconds since the epoch.
        """
        return Terms(
            self.retry_failed, engine, test=self.with_test, hang_timeout_s=self.hang_timeout_s, deadline=deadline
        )

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return self.runs / "sweeps" / self.sweep.name


def parse_duration(text: str, option: str = "--time-budget") -> float:
    """Read a time as `8h`, `30m`, `1h30m`, `2d` or a number of seconds; `option` is what it was given to.

    >>> parse_duration("1h30m"), parse_duration("90")
    (5400.0, 90.0)

    Raises:
        UserError: anything else, or no time at all.
    """
    word = text.strip().lower()
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", word)
    if re.fullmatch(r"\d+(\.\d+)?", word):
        parts = [(word, "s")]
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts).removesuffix("s") != word.removesuffix("s") or not seconds:
        raise UserError(f"{option} is '{text}', expected a time such as 8h, 30m, 1h30m or 90 (seconds).")
    return seconds

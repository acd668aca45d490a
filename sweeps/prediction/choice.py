"""How much of a sweep a command may do: a number of trials, or hours of GPU."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from simcvd.errors import UserError
from sweeps.definition.expand import TrialSpec
from sweeps.resources.share import Placement
from sweeps.status.trial import result_path

if TYPE_CHECKING:
    from sweeps.session import Session

DEFAULT_STEPS = 5
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NO_GPU = "--gpu-hours is {hours:g}, but trials run on the CPU here; use --time-budget or --max-trials."


@dataclass(frozen=True)
class Budget:
    """What a command may use; none has no limit.

    Attributes:
        max_trials: trials that it runs or continues.
        gpu_hours: hours of GPU; two GPUs use two in an hour, a trial on half a GPU uses half a one.
        probe_steps: steps to time of each kind of trial, to predict its hours; 0 predicts nothing.
    """

    max_trials: int | None = None
    gpu_hours: float | None = None
    probe_steps: int = DEFAULT_STEPS

    def check(self, placement: Placement) -> None:
        """Refuse hours of GPU where no trial has one.

        Raises:
            UserError: with what to use instead.
        """
        if self.gpu_hours is not None and not placement.gpus:
            raise UserError(_NO_GPU.format(hours=self.gpu_hours))


@dataclass(frozen=True)
class Choice:
    """The trials that a command runs now.

    Attributes:
        trials: in the sweep's order.
        left_out: those that wait for another command.
        notices: a sentence each on what was left out and why.
    """

    trials: tuple[TrialSpec, ...]
    left_out: tuple[TrialSpec, ...] = ()
    notices: tuple[str, ...] = ()


def choose(pending: Sequence[TrialSpec], budget: Budget, hours: Mapping[str, float]) -> Choice:
    """Choose the trials that fit a budget, from the front of the sweep's order.

    Of hours of GPU, whole replicates (all variants of one seed and label split) come first, since only they compare;
    a part of one is taken where not even the first fits.

    Args:
        pending: trials to run, in the sweep's order.
        budget: what may be used.
        hours: predicted hours of GPU by trial id; what is not in it counts as nothing.
    """
    taken = list(pending[: budget.max_trials])
    notices = []
    if len(taken) < len(pending):
        notices.append(f"--max-trials {budget.max_trials}: {len(pending) - len(taken)} of {len(pending)} trials wait.")
    if budget.gpu_hours is not None and hours:
        before, taken = len(taken), _fitting(taken, budget.gpu_hours, hours)
        used = sum(hours.get(trial.id, 0.0) for trial in taken)
        told = f"--gpu-hours {budget.gpu_hours:g}: "
        if used > budget.gpu_hours:
            notices.append(
                f"{told}not even the first trial fits (predicted {used:.2g} GPU-hours); it runs until the budget is "
                "used up, and the same command continues it."
            )
        elif len(taken) < before:
            seeds = len({_replicate(trial) for trial in taken})
            notices.append(
                f"{told}{before - len(taken)} of {before} trials wait; the {len(taken)} that run are predicted to use "
                f"{used:.2g} and are of {seeds} replicate{'' if seeds == 1 else 's'}."
            )
    ids = {trial.id for trial in taken}
    return Choice(tuple(taken), tuple(trial for trial in pending if trial.id not in ids), tuple(notices))


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


class GpuMeter:
    """Count the hours of GPU that a command uses.

    Args:
        limit_h: hours that it may use.
        gpus: GPUs of one trial.
        slots: returns how many trials run side by side.
        open_trials: returns how many trials have not ended yet.
        clock: seconds, rising.
    """

    def __init__(
        self,
        limit_h: float,
        gpus: float,
        slots: Callable[[], int],
        open_trials: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s, self._gpus, self._slots = 3600 * limit_h, gpus, slots
        self._open, self._clock = open_trials, clock
        self._last = clock()
        self.used_s = 0.0

    def __call__(self) -> bool:
        """Tell whether the hours are used up."""
        now = self._clock()
        self.used_s += (now - self._last) * min(self._slots(), self._open()) * self._gpus
        self._last = now
        return self.used_s >= self._limit_s


def metered(session: "Session", trial_ids: Sequence[str], budget: Budget) -> "Session":
    """Return a session that stops its trials when the hours of GPU are used up.

    Raises:
        UserError: there are such hours, but the trials have no GPU.
    """
    if budget.gpu_hours is None:
        return session
    job = session.job
    budget.check(job.placement)
    gpus = job.placement.gpus * job.placement.workers
    meter = GpuMeter(budget.gpu_hours, gpus, session.room, _Open(job.runs, trial_ids))
    return replace(session, stopped=lambda: session.stopped() or meter())


class _Open:
    """Count the trials whose end this command has not seen; each that has ended is looked at no more."""

    def __init__(self, runs: Path, trial_ids: Sequence[str]) -> None:
        self._since = time.time()
        self._paths = [result_path(runs, trial_id) for trial_id in trial_ids]

    def __call__(self) -> int:
        self._paths = [path for path in self._paths if not self._ended(path)]
        return len(self._paths)

    def _ended(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime >= self._since
        except OSError:
            return False


def _fitting(trials: Sequence[TrialSpec], limit_h: float, hours: Mapping[str, float]) -> list[TrialSpec]:
    taken: list[TrialSpec] = []
    left_h = limit_h
    for _, group in groupby(trials, key=_replicate):
        replicate = list(group)
        needed_h = sum(hours.get(trial.id, 0.0) for trial in replicate)
        if needed_h > left_h:
            return taken or _part(replicate, limit_h, hours)
        taken += replicate
        left_h -= needed_h
    return taken


def _part(replicate: Sequence[TrialSpec], limit_h: float, hours: Mapping[str, float]) -> list[TrialSpec]:
    used_h = 0.0
    for count, trial in enumerate(replicate):
        used_h += hours.get(trial.id, 0.0)
        if used_h > limit_h:
            return list(replicate[: max(1, count)])
    return list(replicate)


def _replicate(trial: TrialSpec) -> tuple[int, int | None]:
    return trial.seed, trial.label_split

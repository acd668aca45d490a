"""Hours of GPU that a command uses, counted while its trials run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sweeps.request import Budget
from sweeps.session import Session
from sweeps.status.trial import result_path


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


def metered(session: Session, trial_ids: Sequence[str], budget: Budget) -> Session:
    """Return a session that stops its trials when the hours of GPU are used up.

    Raises:
        UserError: there are such hours, but the trials have no GPU.
    """
    if budget.gpu_hours is None:
        return session
    job = session.job
    budget.check(job.placement)
    gpus = job.placement.gpus * job.placement.workers
    meter = GpuMeter(budget.gpu_hours, gpus, session.slots, _Open(job.storage.folder, trial_ids))
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

"""How far sweeps are, read from the files of their trials while other processes write them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.sweep import read_sweep
from sweeps.trial_state import TrialState, read_trial

OUTSIDE: Final = "outside any sweep"
STATES: Final = ("running", "evaluating", "failed", "interrupted", "stopped", "validated", "waiting", "finished")
"""What matters most now comes first."""


@dataclass(frozen=True)
class Planned:
    """A trial of a sweep, before its files are read.

    Attributes:
        id: the trial's id.
        variant: name of its variant.
        seed: its seed.
        steps: its training steps; 0 where unknown.
    """

    id: str
    variant: str
    seed: int
    steps: int = 0


@dataclass(frozen=True)
class Row:
    """A trial of a sweep as its files show it."""

    planned: Planned
    trial: TrialState


@dataclass(frozen=True)
class SweepState:
    """A sweep at one moment.

    Attributes:
        name: the sweep's name.
        rows: its trials, in the order of the sweep.
        slots: trials that run side by side.
    """

    name: str
    rows: tuple[Row, ...]
    slots: int = 1

    @property
    def counts(self) -> Counter[str]:
        """Number of trials in each state."""
        return Counter(row.trial.state for row in self.rows)

    @property
    def eta_seconds(self) -> float | None:
        """Time to the end of the sweep, from the rates seen so far; none before the first report."""
        rates = [row.trial.steps_per_second for row in self.rows if row.trial.steps_per_second]
        if not rates:
            return None
        step_s = sum(1 / rate for rate in rates) / len(rates)
        evaluations = [s for row in self.rows if (s := row.trial.evaluation_seconds) is not None]
        evaluation_s = sum(evaluations) / len(evaluations) if evaluations else 0.0
        default_steps = max(row.trial.steps for row in self.rows)
        left = [
            ((row.trial.steps or default_steps) - row.trial.step) * step_s + evaluation_s
            for row in self.rows
            if row.trial.state not in {"finished", "failed"}
        ]
        return max(sum(left) / max(1, self.slots), max(left, default=0.0))

    def summary(self) -> str:
        """Return one line: how many trials are in which state, and the time left."""
        counts = self.counts
        parts = [f"{counts['finished']} of {len(self.rows)} finished"]
        parts += [f"{counts[state]} {state}" for state in STATES if state != "finished" and counts[state]]
        open_trials = len(self.rows) - counts["finished"] - counts["failed"]
        if open_trials and (eta := self.eta_seconds) is not None:
            parts.append(f"ETA {duration(eta)}")
        return f"{self.name}: {', '.join(parts)}"


class SweepReader:
    """Read a sweep's trials again and again; a finished trial is read once."""

    def __init__(self, runs: Path, name: str, planned: Sequence[Planned], slots: int | None = None) -> None:
        self._runs, self._name, self._planned, self._slots = runs, name, planned, slots
        self._finished: dict[str, TrialState] = {}

    def read(self) -> SweepState:
        """Return the sweep as its files show it now."""
        rows = []
        for planned in self._planned:
            trial = self._finished.get(planned.id) or read_trial(self._runs, planned.id, steps=planned.steps)
            if trial.state == "finished":
                self._finished[planned.id] = trial
            rows.append(Row(planned, trial))
        running = sum(row.trial.state in {"running", "evaluating"} for row in rows)
        return SweepState(self._name, tuple(rows), self._slots or max(1, running))


def read_status(runs: Path, name: str | None = None) -> list[SweepState]:
    """Read one sweep of a runs folder, or all of them and the trials outside any.

    Raises:
        AnalysisError: there is no such sweep, or its file is damaged.
    """
    names = [name] if name else sorted(path.parent.name for path in (runs / "sweeps").glob("*/sweep.yaml"))
    states = []
    for sweep in (read_sweep(runs, each) for each in names):
        planned = [Planned(t, variant.name, seed) for variant in sweep.variants for seed, t in variant.trials.items()]
        states.append(SweepReader(runs, sweep.name, planned).read())
    if name is None:
        known = {row.planned.id for state in states for row in state.rows}
        loose = sorted(path.name for path in (runs / "trials").glob("*") if path.is_dir() and path.name not in known)
        if loose:
            states.append(SweepReader(runs, OUTSIDE, [Planned(each, each, _seed(each)) for each in loose]).read())
    return states


def duration(seconds: float) -> str:
    """Return seconds as `42 s`, `3 min 20 s` or `5 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _seed(trial_id: str) -> int:
    part = trial_id.rsplit("-", 2)[-2:-1]
    return int(part[0][1:]) if part and part[0][1:].isdecimal() else 0

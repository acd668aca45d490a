"""How far sweeps are, read from the files of their trials while other processes write them."""

import heapq
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from analysis.runs.sweep import read_sweep, sweep_names
from analysis.runs.tried_setting import read_settings
from sweeps.status.command import SweepCommand, read_command
from sweeps.status.leader import Leader, leader
from sweeps.status.lock import is_held
from sweeps.status.searched import SearchFolder, shown
from sweeps.status.trial import TrialState, read_trial, result_path, trial_folder

OUTSIDE: Final = "outside any sweep"
STATES: Final = ("running", "evaluating", "failed", "interrupted", "stopped", "validated", "waiting", "finished")
"""What matters most now comes first."""

ACTIVE: Final = frozenset({"running", "evaluating"})
_OVER: Final = frozenset({"finished", "failed"})
_OVER_IN_SEARCH: Final = _OVER | {"validated", "stopped"}


@dataclass(frozen=True)
class Planned:
    """A trial of a sweep, before its files are read.

    Attributes:
        id: the trial's id; empty for a searched setting that has none yet.
        variant: name of its variant, or `search 7`.
        seed: its seed.
        steps: its training steps; 0 where unknown.
        label_split: seed of its labelled cases; None where the data set's own order counts.
        search: its number in a search; None for a trial of a variant.
        test: whether its sweep wants the scores of its test cases.
    """

    id: str
    variant: str
    seed: int
    steps: int = 0
    label_split: int | None = None
    search: int | None = None
    test: bool = True

    @property
    def name(self) -> str:
        """What it is called in a sentence; it stays the same when a searched setting goes on to its next trial."""
        if self.search is not None:
            return self.variant
        labels = "" if self.label_split is None else f" label split {self.label_split}"
        return f"{self.variant} seed {self.seed}{labels}"


@dataclass(frozen=True)
class TrialRow:
    """A trial of a sweep as its files show it."""

    planned: Planned
    trial: TrialState

    @property
    def over(self) -> bool:
        """Whether its sweep asks no more of it."""
        if self.planned.search is not None:
            return self.trial.state in _OVER_IN_SEARCH
        return self.trial.state in _OVER or (self.trial.state == "validated" and not self.planned.test)

    @property
    def val_dice(self) -> float | None:
        """Mean Dice on the val cases, the last one known."""
        return self.trial.last_val_dice


@dataclass(frozen=True)
class SweepState:
    """A sweep at one moment.

    Attributes:
        name: the sweep's name.
        rows: its trials, in the order of the sweep.
        slots: trials that run side by side.
        command: the command that runs the sweep, as another one sees it; None where that is not asked.
    """

    name: str
    rows: tuple[TrialRow, ...]
    slots: int = 1
    command: SweepCommand | None = None

    @property
    def counts(self) -> Counter[str]:
        """Number of trials in each state."""
        return Counter(row.trial.state for row in self.rows)

    @property
    def best(self) -> tuple[TrialRow, Leader] | None:
        """The best trial so far, of those that can be compared; see `sweeps.status.leader`."""
        planned = [row.planned for row in self.rows]
        searched, variants = [own.search is not None for own in planned], [own.variant for own in planned]
        found = leader([row.trial for row in self.rows], searched, variants)
        return None if found is None else (self.rows[found.place], found)

    @property
    def eta_seconds(self) -> float | None:
        """Time until nothing is left to do, from the rates seen so far; none before the first report.

        A trial takes its own rate, else that of its variant, else that of all. The trials that wait start in turn, each
        in the slot that is free first.
        """
        paces = {row.planned: 1 / row.trial.steps_per_second for row in self.rows if row.trial.steps_per_second}
        nobody = self.name == OUTSIDE or (self.command is not None and not self.command.alive)
        if not paces or (nobody and not self._active):
            return None
        by_variant: dict[str, list[float]] = {}
        for planned, pace in paces.items():
            by_variant.setdefault(planned.variant, []).append(pace)
        evaluations = [s for row in self.rows if (s := row.trial.evaluation_seconds) is not None]
        evaluation_s = sum(evaluations) / len(evaluations) if evaluations else 0.0
        spent = [row.trial.step for row in self.rows if row.over and row.planned.search is not None]
        default_steps = sum(spent) / len(spent) if spent else max(row.trial.steps for row in self.rows)

        def left(row: TrialRow) -> float:
            alike = by_variant.get(row.planned.variant) or list(paces.values())
            pace = paces.get(row.planned) or sum(alike) / len(alike)
            return ((row.trial.steps or default_steps) - row.trial.step) * pace + evaluation_s

        ends = [left(row) for row in self._active]
        ends += [0.0] * (max(1, self.slots) - len(ends))
        heapq.heapify(ends)
        for row in self.rows:
            if not row.over and row.trial.state not in ACTIVE:
                heapq.heapreplace(ends, ends[0] + left(row))
        return max(ends)

    @property
    def _active(self) -> list[TrialRow]:
        return [row for row in self.rows if row.trial.state in ACTIVE]

    def summary(self) -> str:
        """Return one line: how many trials are in which state, and the time left."""
        counts = self.counts
        parts = [f"{counts['finished']} of {len(self.rows)} finished"]
        parts += [f"{counts[state]} {state}" for state in STATES if state != "finished" and counts[state]]
        if not all(row.over for row in self.rows) and (eta := self.eta_seconds) is not None:
            parts.append(f"ETA {duration(eta)}")
        return f"{self.name}: {', '.join(parts)}"

    def remarks(self) -> list[str]:
        """Return what else is to be said in a line each: the best trial so far, and what runs the sweep."""
        told = []
        # What was trained outside any sweep need not be of one data set.
        if (best := self.best) is not None and len(self.rows) > 1 and self.name != OUTSIDE:
            told.append(best[1].sentence(best[0].planned.name))
        if self.command is not None and not all(row.over for row in self.rows):
            told.append(self.command.sentence(self.slots, len(self._active)))
        return told


class SweepReader:
    """Read a sweep's trials again and again; finished trials are read once, and those that wait are not looked for.

    Args:
        runs: the runs folder.
        name: the sweep's name.
        planned: its trials; what it searches is found in its folder, after them.
        slots: trials that run side by side; none: as many as run now. It may be set anew.
    """

    def __init__(self, runs: Path, name: str, planned: Sequence[Planned], slots: int | None = None) -> None:
        self._runs, self._name, self._planned, self.slots = runs, name, planned, slots
        self._search = SearchFolder(runs, name)
        self._kept: dict[str, tuple[_Stamps, TrialState]] = {}

    @property
    def runs(self) -> Path:
        """The runs folder."""
        return self._runs

    @property
    def planned(self) -> tuple[Planned, ...]:
        """Its trials, without what is searched."""
        return tuple(self._planned)

    def read(self) -> SweepState:
        """Return the sweep as its files show it now."""
        # Two listings tell which trials have any file at all: of a thousand, most wait.
        there = _names(self._runs / "trials"), _names(self._runs / "results" / "trials")
        rows = [TrialRow(planned, self._read_trial(planned, *there)) for planned in self._planned]
        for setting in self._search.settings():
            planned = Planned(setting.trial_id, f"search {setting.number}", seed_of(setting.trial_id), setting.steps)
            planned = replace(planned, search=setting.number)
            rows.append(TrialRow(planned, shown(setting, self._read_trial(planned, *there))))
        running = sum(row.trial.state in ACTIVE for row in rows)
        return SweepState(self._name, tuple(rows), self.slots or max(1, running))

    def _read_trial(self, planned: Planned, begun: set[str], recorded: set[str]) -> TrialState:
        has_row, has_folder = f"{planned.id}.parquet" in recorded, planned.id in begun
        if not has_row and not has_folder:
            return TrialState(planned.id, "waiting", steps=planned.steps)
        stamps, kept = self._kept.get(planned.id, (None, None))
        if kept is not None and kept.state == "finished":
            return kept
        # Any other end may be undone by a command that runs the trial again.
        folder = trial_folder(self._runs, planned.id)
        now = (
            _stamp(result_path(self._runs, planned.id)) if has_row else None,
            _stamp(folder / "log.jsonl") if has_folder else None,
        )
        if kept is not None and now == stamps and not is_held(folder):
            return kept
        trial = read_trial(self._runs, planned.id, steps=planned.steps)
        if trial.state in ACTIVE:
            self._kept.pop(planned.id, None)
        else:
            self._kept[planned.id] = (now, trial)
        return trial


def read_status(runs: Path, name: str | None = None) -> list[SweepState]:
    """Read one sweep of a runs folder, or all of them and the trials outside any.

    Raises:
        AnalysisError: there is no such sweep, or its file is damaged.
    """
    names = [name] if name else sweep_names(runs)
    states = []
    for sweep in (read_sweep(runs, each) for each in names):
        planned = [
            Planned(trial, variant.name, replicate.seed, label_split=replicate.label_split, test=sweep.with_test)
            for variant in sweep.variants
            for replicate, trial in variant.each_trial()
        ]
        command = read_command(runs / "sweeps" / sweep.name)
        state = SweepReader(runs, sweep.name, planned, command.slots).read()
        states.append(SweepState(state.name, state.rows, state.slots, command))
    if name is None:
        known = {row.planned.id for state in states for row in state.rows}
        # Of a searched setting, only the last training has a row; so have searches that another one moved aside.
        searches = (runs / "sweeps").glob("*/search*")
        known |= {trial.id for place in searches for setting in read_settings(place) for trial in setting.trials}
        loose = sorted(path.name for path in (runs / "trials").glob("*") if path.is_dir() and path.name not in known)
        if loose:
            states.append(SweepReader(runs, OUTSIDE, [Planned(each, each, seed_of(each)) for each in loose]).read())
    return states


def duration(seconds: float) -> str:
    """Return seconds as `42 s`, `3 min 20 s` or `5 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def seed_of(trial_id: str) -> int:
    """Return the seed that a trial's id names; 0 where it names none."""
    part = trial_id.rsplit("-", 2)[-2:-1]
    return int(part[0][1:]) if part and part[0][1:].isdecimal() else 0


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


_Stamp = tuple[int, int] | None
_Stamps = tuple[_Stamp, _Stamp]


def _stamp(path: Path) -> _Stamp:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino

"""A sweep's progress as JSON lines, for programs: one object a line on standard output, and nothing else there."""

import json
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from rich.console import Console

from simcvd.nested import finite
from sweeps.status.failures import failure_groups, own_log
from sweeps.status.sweep import ACTIVE, SweepState, TrialRow

TRIAL_S: Final = 5.0
"""A running trial is told again after so many seconds, if it has made steps."""
PROGRESS_S: Final = 10.0


class EventStream:
    """Write events, each once it happens; safe to call from several threads.

    Every line is an object with `event` and `time` (seconds since 1970). A number that is not known, or not finite, is
    null.

    - `sweep`, before the first trial, and in a tuning for each stage: `name`, `runs`, `trials` (how many), `pending`
      (of them not over yet), `slots` (trials that run side by side; null where nothing had to run).
    - `trial`, for each trial once at the start, at each change of its state, and every few seconds while it makes
      steps: `id`, `variant`, `seed`, `label_split`, `search` (its number in a search, else null), `state` (`waiting`,
      `running`, `evaluating`, `finished`, `failed`, `interrupted`; `validated` and `stopped` in a search), `step`,
      `steps`, `steps_per_second`, `eta_seconds` (of its training), `dice`, `dice_split` (`val`, or `test` for a
      finished trial of a variant), `val_dice`, `failure_kind`, `message` (of a failure), `log` (the file that tells
      most about it).
    - `progress`, at every change of a state and every ten seconds: `name`, `counts` (trials by state), `trials`,
      `slots`, `eta_seconds` (of the sweep), `best` (`id`, `variant`, `seed`, `label_split`, `search`, `val_dice` and
      `step` of the trial with the highest Dice on the val cases, or null). `best` compares what was measured after the
      same number of steps: finished trials; as long as there is none, the others at the largest step at which at least
      two of them were validated. `val_dice` is the score at `step`.
    - `notice`: `message`, a sentence for the user.
    - `end`, last: `exit_code`, `message` (where the command was refused or interrupted; of a tuning, what it came to, a
      line each), `counts`, `tables` (paths), `verdict` (what `tables/verdict.json` holds, or null),
      `failures` (a list by kind: `kind`, `words`, `count`, `message`, `advice`, `trials` with `id`, `variant`, `seed`,
      `label_split`, `search` and `log`).

    Args:
        out: where to write. When its reader goes away, writing ends and the sweep goes on.
    """

    def __init__(self, out: TextIO) -> None:
        self._out: TextIO | None = out
        self._lock = threading.Lock()
        self._state: SweepState | None = None
        self._told: dict[str, tuple[TrialRow, float]] = {}
        self._told_progress = -math.inf

    def notice(self, sentence: str) -> None:
        """Tell a sentence."""
        self._emit("notice", {"message": sentence})

    def begin(self, state: SweepState, runs: Path, slots: int | None) -> None:
        """Tell the sweep and all its trials, unless that was told before; the stages of a tuning are sweeps in turn."""
        if self._state is None or self._state.name != state.name:
            self._told.clear()
            pending = sum(not row.over for row in state.rows)
            trials = len(state.rows)
            self._emit(
                "sweep",
                {"name": state.name, "runs": str(runs), "trials": trials, "pending": pending, "slots": slots},
            )
        self.update(state, runs)

    def update(self, state: SweepState, runs: Path) -> None:
        """Tell what has changed since the last call."""
        now = time.monotonic()
        self._state = state
        changed = False
        for row in state.rows:
            before, told = self._told.get(row.planned.name, (None, -math.inf))
            if before == row:
                continue
            turned = before is None or (before.planned.id, before.trial.state) != (row.planned.id, row.trial.state)
            if turned or (row.trial.state in ACTIVE and now - told >= TRIAL_S):
                self._emit("trial", trial_fields(row, runs))
                self._told[row.planned.name] = (row, now)
            changed |= turned
        if changed or now - self._told_progress >= PROGRESS_S:
            self._told_progress = now
            self._emit("progress", progress_fields(state))

    def end(
        self,
        exit_code: int,
        state: SweepState | None,
        runs: Path,
        tables: Sequence[Path] = (),
        message: str | None = None,
        verdict: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell how the command ends; without `state`, from what was told last."""
        if state is not None:
            self.begin(state, runs, None)
        state = self._state
        self._emit(
            "end",
            {
                "exit_code": exit_code,
                "message": message,
                "counts": dict(state.counts) if state else {},
                "tables": [str(path) for path in tables],
                "verdict": verdict,
                "failures": failure_fields(state.rows, runs) if state else [],
            },
        )

    def _emit(self, event: str, fields: Mapping[str, Any]) -> None:
        line = json.dumps(finite({"event": event, "time": round(time.time(), 3), **fields}), allow_nan=False)
        with self._lock:
            if self._out is None:
                return
            try:
                self._out.write(f"{line}\n")
                self._out.flush()
            except BrokenPipeError:
                # What Python still holds for the pipe would fail again when it ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
                self._out = None


class EventConsole(Console):
    """A console whose sentences become `notice` events; tables and the like go to standard error.

    Attributes:
        events: where progress is told.
    """

    def __init__(self, out: TextIO) -> None:
        super().__init__(stderr=True)
        self.events = EventStream(out)

    def print(self, *objects: Any, **options: Any) -> None:
        """Tell sentences, print the rest."""
        if objects and all(isinstance(each, str) for each in objects):
            self.events.notice(" ".join(objects))
        else:
            super().print(*objects, **options)


def trial_fields(row: TrialRow, runs: Path) -> dict[str, Any]:
    """Return what an event or `simcvd status --json` says of a trial."""
    trial = row.trial
    log = own_log(runs, row.planned.id) if trial.state not in {"waiting", "finished"} else None
    return _identity(row) | {
        "state": trial.state,
        "step": trial.step,
        "steps": trial.steps or None,
        "steps_per_second": trial.steps_per_second,
        "eta_seconds": trial.eta_seconds if trial.state == "running" else None,
        "dice": trial.dice,
        "dice_split": trial.dice_split,
        "val_dice": row.val_dice,
        "failure_kind": trial.failure_kind,
        "message": trial.failure_message,
        "log": None if log is None else str(log),
    }


def progress_fields(state: SweepState) -> dict[str, Any]:
    """Return what an event or `simcvd status --json` says of a sweep."""
    row, lead = state.best or (None, None)
    best = None if row is None or lead is None else _identity(row) | {"val_dice": lead.val_dice, "step": lead.step}
    return {
        "name": state.name,
        "counts": dict(state.counts),
        "trials": len(state.rows),
        "slots": state.slots,
        "eta_seconds": None if all(row.over for row in state.rows) else state.eta_seconds,
        "best": best,
    }


def failure_fields(rows: Sequence[TrialRow], runs: Path) -> list[dict[str, Any]]:
    """Return the failed trials by kind."""
    return [
        {
            "kind": group.kind,
            "words": group.words,
            "count": len(group.rows),
            "message": group.message,
            "advice": group.advice,
            "trials": [
                _identity(row) | {"log": None if (log := own_log(runs, row.planned.id)) is None else str(log)}
                for row in group.rows
            ],
        }
        for group in failure_groups(rows)
    ]


def status_fields(state: SweepState, runs: Path) -> dict[str, Any]:
    """Return what `simcvd status --json` says of a sweep; `running` is null for trials outside any sweep."""
    command = state.command
    return progress_fields(state) | {
        "running": None if command is None else command.alive,
        "host": None if command is None else command.host,
        "pid": None if command is None else command.pid,
        "trials": [trial_fields(row, runs) for row in state.rows],
        "failures": failure_fields(state.rows, runs),
    }


def _identity(row: TrialRow) -> dict[str, Any]:
    planned = row.planned
    return {
        "id": planned.id or None,
        "variant": planned.variant,
        "seed": planned.seed,
        "label_split": planned.label_split,
        "search": planned.search,
    }

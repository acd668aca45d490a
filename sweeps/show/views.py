"""Ways to show a sweep: a live table on a terminal, a line per change elsewhere, JSON lines for programs."""

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from sweeps.show.trial_table import render, shortened, steps_of
from sweeps.status.score import told_dice
from sweeps.status.sweep import ACTIVE, SweepState, TrialRow, duration

if TYPE_CHECKING:
    from rich.console import Console

    from sweeps.show.events import EventConsole

HEARTBEAT_S = 30.0
_HEARTBEAT_WIDTH: Final = 111
"""Letters; with the time in front a heartbeat has 120 at most, unless the sweep's own name is long."""
_NAMED: Final = 2
"""Running trials that a heartbeat names; the rest is counted."""
_LEAST_NAME: Final = 12


class LiveView(Protocol):
    """One way to show a sweep; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, state: SweepState, ending: bool = False, slots: int | None = None) -> None:
        """Show it as it is now; `ending` for the last time."""

    def say(self, sentence: str) -> None:
        """Tell a sentence."""


def view_on(console: "Console", runs: Path) -> LiveView:
    """Return the way to show a sweep that fits a console.

    Args:
        console: where to write.
        runs: the runs folder.
    """
    from rich.console import Console

    if type(console) is not Console:
        from sweeps.show.events import EventConsole

        if isinstance(console, EventConsole):
            return _Events(console, runs)
    return _LiveTable(console) if console.is_terminal else _PlainLines(console)


class _LiveTable:
    """A table that is drawn anew in its place."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live

        self._console = console
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, state: SweepState, ending: bool = False, slots: int | None = None) -> None:
        size = self._console.size
        self._live.update(render(state, size.width, size.height), refresh=True)

    def say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class _PlainLines:
    """A line per change of a trial, and a heartbeat."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._before: dict[str, str] | None = None
        self._best: str | None = None
        self._spoken = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, state: SweepState, ending: bool = False, slots: int | None = None) -> None:
        now: dict[str, str] = {row.planned.name: row.trial.state for row in state.rows}
        if self._before is None:
            self.say(state.summary())
        else:
            for row in state.rows:
                if row.trial.state != self._before.get(row.planned.name):
                    self.say(_line(row))
        self._tell_best(state)
        self._before = now
        if ending:
            self.say("; ".join([state.summary(), *state.remarks()]))
        elif time.monotonic() - self._spoken > HEARTBEAT_S:
            self.say(heartbeat(state))

    def _tell_best(self, state: SweepState) -> None:
        """Tell of another best of the finished trials; those that run change places all the time."""
        row, lead = state.best or (None, None)
        if row is None or lead is None or not lead.finished or lead.of == 1 or row.planned.name == self._best:
            return
        self._best = row.planned.name
        if self._before is not None and not all(each.over for each in state.rows):  # the last line tells it anyway
            self.say(lead.sentence(self._best))

    def say(self, sentence: str) -> None:
        text = f"{time.strftime('%H:%M:%S')} {sentence}"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._spoken = time.monotonic()


class _Events:
    """JSON lines."""

    def __init__(self, console: "EventConsole", runs: Path) -> None:
        self._events, self._runs = console.events, runs
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, state: SweepState, ending: bool = False, slots: int | None = None) -> None:
        if not self._begun:
            self._begun = True
            self._events.begin(state, self._runs, slots)
        self._events.update(state, self._runs)

    def say(self, sentence: str) -> None:
        self._events.notice(sentence)


def _line(row: TrialRow) -> str:
    trial, name = row.trial, row.planned.name
    if trial.state == "failed":
        return f"{name}: failed ({trial.failure_kind}): {trial.failure_message} [{row.planned.id}]"
    if trial.state == "running":
        rate = f", {trial.steps_per_second:.3g} steps/s" if trial.steps_per_second else ""
        eta = f", ETA {duration(trial.eta_seconds)}" if trial.eta_seconds is not None else ""
        return f"{name}: running, step {steps_of(trial)}{rate}{eta}"
    dice = f", {told_dice(trial.dice, trial.dice_split)}" if trial.dice is not None else ""
    return f"{name}: {trial.state}{dice}"


def heartbeat(state: SweepState) -> str:
    """Return one short line: how many trials are finished or failed, the time left, and at which steps some are."""
    counts = state.counts
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    eta = "" if (left := state.eta_seconds) is None else f", ETA {duration(left)}"
    head = f"{state.name}: {counts['finished']} of {len(state.rows)} finished{failed}{eta}"
    active = [row for row in state.rows if row.trial.state in ACTIVE]
    if not active:
        return head
    named = active[:_NAMED]
    at = [f" {'scoring' if row.trial.state == 'evaluating' else f'at {steps_of(row.trial)}'}" for row in named]
    rest = f", {len(active) - len(named)} more" if len(active) > len(named) else ""
    room = _HEARTBEAT_WIDTH - len(head) - len("; ") - sum(map(len, at)) - len(", ") * (len(named) - 1) - len(rest)
    width = max(_LEAST_NAME, room // len(named))
    told = ", ".join(f"{shortened(row.planned.name, width)}{where}" for row, where in zip(named, at, strict=True))
    return f"{head}; {told}{rest}"

"""Show how far a sweep is: a live table on a terminal, plain lines elsewhere, JSON lines for programs."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from sweeps.status import ACTIVE, Row, SweepReader, SweepState, duration
from sweeps.sweep_command import write_slots
from sweeps.trial_table import render, steps_of

if TYPE_CHECKING:
    from rich.console import Console

    from sweeps.events import EventConsole

__all__ = ["ProgressDisplay", "render"]

HEARTBEAT_S = 30.0
REFRESH_S = 1.0


class ProgressDisplay:
    """Show a sweep while it runs: a live table on a terminal, a line per change elsewhere, events on an `EventConsole`.

    Args:
        reader: reads the sweep.
        console: where to write.
        notices: file whose lines are shown once each. The slots are written beside it, for `simcvd status`.
        on_tick: called about once a second, in the display's thread.
    """

    def __init__(
        self, reader: SweepReader, console: "Console", notices: Path, on_tick: Callable[[], None] = lambda: None
    ) -> None:
        self._reader, self._console, self._notices, self._on_tick = reader, console, notices, on_tick
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._noticed: set[str] = set()
        self._last: SweepState | None = None

    def __enter__(self) -> Self:
        if self._reader.slots is not None:
            write_slots(self._notices.parent, self._reader.slots)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        view = _view(self._console, self._reader)
        try:
            self._show(view)
        except Exception as error:  # the way to stop the sweep must not end with its display
            reason = " ".join(str(error).split())[:200]
            self._console.print(
                f"Progress can't be shown any more ({type(error).__name__}: {reason}); the sweep goes on.",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
            while not self._end.wait(REFRESH_S):
                self._on_tick()

    def _show(self, view: "_View") -> None:
        with view:
            view.show(self._read())
            while True:
                ending = self._end.wait(REFRESH_S)
                self._on_tick()
                self._show_notices(view)
                view.show(self._read(), ending)
                if ending:
                    return

    def _read(self) -> SweepState:
        try:
            self._last = self._reader.read()
        except OSError:  # of a file system that hesitates; the next look may succeed
            if self._last is None:
                raise
        return self._last

    def _show_notices(self, view: "_View") -> None:
        try:
            sentences = self._notices.read_text().splitlines()
        except OSError:
            return
        for sentence in sentences:
            if sentence not in self._noticed:
                self._noticed.add(sentence)
                view.say(sentence)


class _View(Protocol):
    """One way to show a sweep."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, state: SweepState, ending: bool = False) -> None: ...

    def say(self, sentence: str) -> None: ...


def _view(console: "Console", reader: SweepReader) -> _View:
    from rich.console import Console

    if type(console) is not Console:
        from sweeps.events import EventConsole

        if isinstance(console, EventConsole):
            return _Events(console, reader)
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

    def show(self, state: SweepState, ending: bool = False) -> None:
        size = self._console.size
        self._live.update(render(state, size.width, size.height), refresh=True)

    def say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class _PlainLines:
    """A line per change of a trial, and a heartbeat."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._before: dict[str, str] | None = None
        self._spoken = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, state: SweepState, ending: bool = False) -> None:
        now: dict[str, str] = {row.planned.name: row.trial.state for row in state.rows}
        if self._before is None:
            self.say(state.summary())
        else:
            for row in state.rows:
                if row.trial.state != self._before.get(row.planned.name):
                    self.say(_line(row))
        self._before = now
        if ending:
            self.say("; ".join([state.summary(), *state.remarks()]))
        elif time.monotonic() - self._spoken > HEARTBEAT_S:
            active = [_line(row) for row in state.rows if row.trial.state in ACTIVE]
            self.say("; ".join([state.summary(), *state.remarks(), *active]))

    def say(self, sentence: str) -> None:
        text = f"{time.strftime('%H:%M:%S')} {sentence}"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._spoken = time.monotonic()


class _Events:
    """JSON lines."""

    def __init__(self, console: "EventConsole", reader: SweepReader) -> None:
        self._events, self._reader = console.events, reader
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, state: SweepState, ending: bool = False) -> None:
        if not self._begun:
            self._begun = True
            self._events.begin(state, self._reader.runs, self._reader.slots)
        self._events.update(state, self._reader.runs)

    def say(self, sentence: str) -> None:
        self._events.notice(sentence)


def _line(row: Row) -> str:
    trial, name = row.trial, row.planned.name
    if trial.state == "failed":
        return f"{name}: failed ({trial.failure_kind}): {trial.failure_message} [{row.planned.id}]"
    if trial.state == "running":
        rate = f", {trial.steps_per_second:.3g} steps/s" if trial.steps_per_second else ""
        eta = f", ETA {duration(trial.eta_seconds)}" if trial.eta_seconds is not None else ""
        return f"{name}: running, step {steps_of(trial)}{rate}{eta}"
    dice = f", {trial.dice_split} Dice {trial.dice:.3f}" if trial.dice is not None else ""
    return f"{name}: {trial.state}{dice}"

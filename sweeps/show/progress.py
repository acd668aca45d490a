"""Show how far a sweep is while it runs, beside the thread that runs it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sweeps.show.views import LiveView, view_on
from sweeps.status.command import write_slots
from sweeps.status.sweep import SweepReader, SweepState

if TYPE_CHECKING:
    from rich.console import Console

REFRESH_S = 1.0
READ_SHARE = 0.1
"""Of the time, at most; Tune lives in the same process, and 800 trials that run take more than a second to read."""


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
        self._read_after = 0.0

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
        view = view_on(self._console, self._reader.runs)
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

    def _show(self, view: LiveView) -> None:
        with view:
            view.show(self._read(), slots=self._reader.slots)
            while True:
                ending = self._end.wait(REFRESH_S)
                self._on_tick()
                self._show_notices(view)
                view.show(self._read(ending), ending, self._reader.slots)
                if ending:
                    return

    def _read(self, ending: bool = False) -> SweepState:
        began = time.monotonic()
        if self._last is not None and not ending and began < self._read_after:
            return self._last
        try:
            self._last = self._reader.read()
            took = time.monotonic() - began
            self._read_after = began + took / READ_SHARE
        except OSError:  # of a file system that hesitates; the next look may succeed
            if self._last is None:
                raise
        return self._last

    def _show_notices(self, view: LiveView) -> None:
        try:
            sentences = self._notices.read_text().splitlines()
        except OSError:
            return
        for sentence in sentences:
            if sentence not in self._noticed:
                self._noticed.add(sentence)
                view.say(sentence)

"""The page that is served: made anew from the records when they have changed, and not too often."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from analysis.errors import AnalysisError
from analysis.report.cases.pictures import Browser
from analysis.report.content import Report, read_report, with_cases
from analysis.report.live.stamps import Files, Stamp
from analysis.report.page import render
from analysis.runs.sweep import Sides

LOOK_S: Final = 2.0
"""Seconds before files are looked at again, however many browsers ask."""

LEAST_S: Final = 5.0
"""Seconds between two pages at least."""

SHARE: Final = 0.1
"""Part of the time that making pages may take: a page that takes 3 s to make is made every 30 s at most."""


@dataclass(frozen=True)
class Wanted:
    """What `simcvd report` was asked for; as of `read_report`.

    Attributes:
        reference: see there.
        dataset: see there.
        sides: see there.
        cases: see there.
    """

    reference: str | None = None
    dataset: Path | None = None
    sides: Sides | None = None
    cases: bool = True


@dataclass(frozen=True)
class Made:
    """A page.

    Attributes:
        stamp: of the files, from before they were read.
        content: HTML.
    """

    stamp: Stamp
    content: bytes


class LivePage:
    """The report of a sweep, as new as its records; may be asked from several threads."""

    def __init__(
        self,
        runs: Path,
        sweep_name: str,
        wanted: Wanted = Wanted(),
        *,
        on_case: Callable[[int, int, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the page once.

        Args:
            runs: the runs folder.
            sweep_name: folder name of the sweep.
            wanted: what to show of it.
            on_case: is told how many cases of how many are encoded, this first time.
            clock: tells seconds.

        Raises:
            AnalysisError: as `read_report`.
        """
        self._runs, self._name, self._wanted, self._clock = runs, sweep_name, wanted, clock
        self._files = Files(runs, sweep_name)
        self._lock = threading.Lock()
        self._next_look = self._next_page = clock()
        self._pictures: tuple[str, Browser] | None = None
        self.problem: str | None = None
        self._made = self._make(self._files.stamp(), on_case)
        self._next_page = clock() + LEAST_S  # the first one takes longer: all modules are read, all pictures encoded

    @property
    def content(self) -> bytes:
        """The newest page."""
        return self._made.content

    def look(self) -> str:
        """Return the stamp of the newest page, which is made anew first where that is due.

        While one browser's question makes a page, others are answered at once with the page before.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._made.stamp.whole

    def _look(self) -> None:
        if self._clock() < self._next_look:
            return
        self._next_look = self._clock() + LOOK_S
        try:
            stamp = self._files.stamp()
            if stamp != self._made.stamp and self._clock() >= self._next_page:
                self._made = self._make(stamp)
            self.problem = None
        except Exception as error:  # what is shown stays; the records may be whole again in a moment
            told = isinstance(error, AnalysisError | OSError)
            self.problem = str(error) if told else f"The report can't be made anew ({type(error).__name__}: {error})."

    def _make(self, stamp: Stamp, on_case: Callable[[int, int, str], None] | None = None) -> Made:
        started = self._clock()
        wanted = self._wanted
        report = read_report(self._runs, self._name, wanted.reference, wanted.dataset, sides=wanted.sides, cases=False)
        if wanted.cases:
            report = self._with_cases(report, stamp, on_case)
        made = Made(stamp, render(report, stamp.whole).encode())
        took = self._clock() - started
        self._next_page = started + max(LEAST_S, took / SHARE)
        self._next_look = self._clock() + LOOK_S
        return made

    def _with_cases(self, report: Report, stamp: Stamp, on_case: Callable[[int, int, str], None] | None) -> Report:
        """Add the pictures, which take the longest: those of the page before where no result has come since."""
        if self._pictures is None or self._pictures[0] != stamp.results:
            report = with_cases(report, self._runs, self._wanted.dataset, on_case)
            self._pictures = stamp.results, report.browser
        return replace(report, browser=self._pictures[1])

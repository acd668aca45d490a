"""What commands print, and how they end."""

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import typer

from analysis.errors import AnalysisError
from simcvd.errors import UserError
from simcvd.nested import finite

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

    from sweeps.status.sweep import SweepState

FAILED, MUST_CHANGE, INTERRUPTED = 1, 2, 130
TRAININGS_FAILED = "Some trainings failed; simcvd status RUNS names them, --retry-failed runs them again."
"""Last sentence of a tuning that went on without them."""
_FIRST_LINE_S, _NEXT_LINE_S = 2.0, 10.0


def end(sentence: str, code: int) -> NoReturn:
    """Say a last sentence and end with an exit code."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


@contextmanager
def sweep_console(as_json: bool, runs: Path, name: str) -> "Iterator[tuple[Console, Callable[..., None]]]":
    """Yield where a sweep says how far it is, and what is to be told its exit code, state and message at the end.

    With `as_json` standard output holds events alone, the last one with the exit code, however the sweep ends.
    """
    if not as_json:
        from rich.console import Console

        yield Console(), lambda *outcome: None
        return
    from analysis.ending.write import read_verdict
    from sweeps.show.events import EventConsole

    console, runs = EventConsole(sys.stdout), runs.resolve()

    def ended(exit_code: int, state: "SweepState | None", message: str | None = None) -> None:
        tables = state is not None and state.counts["finished"]
        written = sorted((runs / "sweeps" / name / "tables").glob("*")) if tables else []
        verdict = read_verdict(runs, name) if tables else None
        console.events.end(exit_code, state, runs, written, message, verdict)

    with redirect_stdout(sys.stderr):
        try:
            yield console, ended
        except (UserError, AnalysisError) as error:
            console.events.end(MUST_CHANGE, None, runs, message=str(error))
            raise
        except KeyboardInterrupt:
            console.events.end(INTERRUPTED, None, runs, message="Interrupted; the same command continues.")
            raise


def print_json(content: Any) -> None:
    """Print JSON; NaN, which it does not know, is null."""
    typer.echo(json.dumps(finite(content), indent=2))


def print_lines(lines: Sequence[str], indent: int) -> None:
    """Print lines, on a terminal broken at its width, what follows a break under the text; elsewhere as they are.

    Letters that steer a terminal, which names of files may hold, become question marks.
    """
    lines = ["".join(letter if letter.isprintable() else "?" for letter in line) for line in lines]
    if not sys.stdout.isatty():
        typer.echo("\n".join(lines))
        return
    width = max(shutil.get_terminal_size().columns, 2 * indent)
    for line in lines:
        typer.echo(textwrap.fill(line, width, subsequent_indent=" " * indent, break_on_hyphens=False))


def print_columns(rows: Sequence[Sequence[Any]]) -> None:
    """Print rows of text in columns, numbers to the right."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            str(cell).rjust(width) if isinstance(cell, int) else str(cell).ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())


class ProgressLine:
    """A bar with rate and time left on a terminal, elsewhere a plain line now and then; on standard error.

    Args:
        what: what is done, such as `training`.
        unit: what is counted, in the plural.
        total: how many there are, where that is known from the start.
    """

    def __init__(self, what: str, unit: str, total: int | None = None) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._bar: Bar | None = None
        self._first: tuple[float, int] | None = None
        self._next_line = time.monotonic() + _FIRST_LINE_S
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[pace]}"),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task(self._what, total=self._total, pace="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, *_: object) -> None:
        """Show that `done` of `total` are done."""
        now = time.monotonic()
        self._total = total
        pace = self._pace(now, done, total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, pace=pace)
        elif now >= self._next_line:
            self._print(done, pace)
            self._next_line = now + _NEXT_LINE_S

    def doing(self, activity: str, done: int = 0) -> None:
        """Say what is done while nothing is counted: beside the bar, elsewhere in a line at once."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, pace=activity)
        else:
            self._print(done, activity)
            self._next_line = time.monotonic() + _FIRST_LINE_S

    def _print(self, done: int, remark: str) -> None:
        of = "" if self._total is None else f" of {self._total}"
        typer.echo(f"{self._what}: {done}{of} {self._unit}{remark and ', '}{remark}", err=True)

    def say_once(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        if sentence in self._said:
            return
        self._said.add(sentence)
        if self._bar is not None:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            typer.echo(sentence, err=True)

    def _pace(self, now: float, done: int, total: int) -> str:
        """Return rate and time left, from the second call on: the first one may be far along already."""
        if self._first is None:
            self._first = (now, done)
        start, before = self._first
        if done <= before or now <= start:
            return ""
        from sweeps.status.sweep import duration

        rate = (done - before) / (now - start)
        return f"{rate:.3g} {self._unit}/s, {duration((total - done) / rate)} left"

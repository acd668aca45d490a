"""Show how far a sweep is: a live table on a terminal, plain lines elsewhere, and the table of `simcvd status`."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sweeps.status import STATES, Row, SweepReader, SweepState, duration
from sweeps.trial_state import TrialState

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

HEARTBEAT_S = 30.0
REFRESH_S = 1.0

_STYLES = {"running": "cyan", "evaluating": "cyan", "finished": "green", "failed": "red", "interrupted": "yellow"}


def render(state: SweepState, width: int, height: int | None = None) -> "RenderableType":
    """Return the table of a sweep's trials, its summary and what failed.

    Args:
        state: the sweep.
        width: columns of the terminal; below 70 the rate and below 84 the Dice are left out.
        height: lines to fit into; trials that matter less now are counted instead of shown. None shows all.
    """
    from rich.console import Group
    from rich.text import Text

    failures = [row for row in state.rows if row.trial.state == "failed"]
    room = len(state.rows) if height is None else max(3, height - 7 - 2 * min(3, len(failures)))
    by_urgency = sorted(state.rows, key=lambda row: STATES.index(row.trial.state))
    chosen = {id(row) for row in by_urgency[:room]}
    shown = [row for row in state.rows if id(row) in chosen]
    parts: list[RenderableType] = [_table(shown, width)]
    if hidden := Counter(row.trial.state for row in by_urgency[room:]):
        parts.append(Text(f" and {', '.join(f'{count} {name}' for name, count in hidden.items())}", style="dim"))
    parts.append(Text(state.summary(), style="bold"))
    parts += [Text(_failure(row), style="red") for row in (failures if height is None else failures[:3])]
    return Group(*parts)


class ProgressDisplay:
    """Show a sweep while it runs: a live table on a terminal, else a line per change and a heartbeat.

    Args:
        reader: reads the sweep.
        console: where to write.
        notices: file whose lines are shown once each.
        on_tick: called about once a second, in the display's thread.
    """

    def __init__(
        self, reader: SweepReader, console: "Console", notices: Path, on_tick: Callable[[], None] = lambda: None
    ) -> None:
        self._reader, self._console, self._notices, self._on_tick = reader, console, notices, on_tick
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._noticed: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        if self._console.is_terminal:
            self._run_live()
        else:
            self._run_plain()

    def _run_live(self) -> None:
        from rich.live import Live

        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                ending = self._end.wait(REFRESH_S)
                self._on_tick()
                self._show_notices()
                size = self._console.size
                live.update(render(self._reader.read(), size.width, size.height), refresh=True)
                if ending:
                    return

    def _run_plain(self) -> None:
        state = self._reader.read()
        before = {row.planned: row.trial.state for row in state.rows}
        self._print(state.summary())
        spoken = time.monotonic()
        while True:
            ending = self._end.wait(REFRESH_S)
            self._on_tick()
            self._show_notices()
            state = self._reader.read()
            for row in state.rows:
                if row.trial.state != before[row.planned]:
                    self._print(_line(row))
                    spoken = time.monotonic()
            before = {row.planned: row.trial.state for row in state.rows}
            if ending:
                self._print(state.summary())
                return
            if time.monotonic() - spoken > HEARTBEAT_S:
                active = [_line(row) for row in state.rows if row.trial.state in {"running", "evaluating"}]
                self._print("; ".join([state.summary(), *active]))
                spoken = time.monotonic()

    def _show_notices(self) -> None:
        try:
            sentences = self._notices.read_text().splitlines()
        except OSError:
            return
        for sentence in sentences:
            if sentence not in self._noticed:
                self._noticed.add(sentence)
                self._print(sentence)

    def _print(self, text: str) -> None:
        if not self._console.is_terminal:
            text = f"{time.strftime('%H:%M:%S')} {text}"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _table(rows: Sequence[Row], width: int) -> "Table":
    from rich.table import Table
    from rich.text import Text

    columns: dict[str, list[str]] = {
        "variant": [row.planned.variant for row in rows],
        "seed": [str(row.planned.seed) for row in rows],
        "state": [row.trial.state for row in rows],
        "step": [_steps(row.trial) for row in rows],
        "step/s": [f"{rate:.2f}" if (rate := row.trial.steps_per_second) else "" for row in rows],
        "ETA": [duration(eta) if (eta := row.trial.eta_seconds) is not None else "" for row in rows],
        "Dice": [_dice(row.trial) for row in rows],
    }
    if width < 84:
        del columns["Dice"]
    if width < 70:
        del columns["step/s"]
    widths = {name: max(map(len, [name, *cells])) for name, cells in columns.items()}
    left = width - sum(widths.values()) + widths["variant"] - 2 * len(columns)
    widths["variant"] = max(8, min(widths["variant"], left))

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold dim")
    for name in columns:
        words = name in {"variant", "state"}
        table.add_column(
            name, width=widths[name], justify="left" if words else "right", overflow="ellipsis", no_wrap=True
        )
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    return table


def _line(row: Row) -> str:
    trial = row.trial
    name = f"{row.planned.variant} seed {row.planned.seed}"
    if trial.state == "failed":
        return _failure(row)
    if trial.state == "running":
        eta = f", ETA {duration(trial.eta_seconds)}" if trial.eta_seconds is not None else ""
        return f"{name}: running, step {_steps(trial)}{eta}"
    dice = f", {trial.dice_split} Dice {trial.dice:.3f}" if trial.dice is not None else ""
    return f"{name}: {trial.state}{dice}"


def _failure(row: Row) -> str:
    name = f"{row.planned.variant} seed {row.planned.seed}"
    return f"{name}: failed ({row.trial.failure_kind}): {row.trial.failure_message} [{row.planned.id}]"


def _steps(trial: TrialState) -> str:
    return f"{trial.step}/{trial.steps}" if trial.steps else str(trial.step)


def _dice(trial: TrialState) -> str:
    return f"{trial.dice:.3f} {trial.dice_split}" if trial.dice is not None else ""

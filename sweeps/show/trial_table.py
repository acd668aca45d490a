"""The table of a sweep's trials on a terminal: as wide and as high as there is room."""

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sweeps.status.failures import failure_groups
from sweeps.status.sweep import STATES, SweepState, TrialRow, duration
from sweeps.status.trial import TrialState

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_STYLES: Final = {
    "running": "cyan",
    "evaluating": "cyan",
    "finished": "green",
    "validated": "green",
    "failed": "red",
    "interrupted": "yellow",
    "stopped": "yellow",
}
_TO_THE_LEFT: Final = {"variant", "state"}
_FAIR_NAME, _SHORT_NAME, _LEAST_NAME = 16, 10, 8
"""Columns that a variant's name keeps while long times give way, while other columns do, and always."""
_LEAST_ROWS: Final = 3
_FIXED_LINES: Final = 3
"""The heading, the line that counts the rest, and the cursor's."""
_KINDS_SHOWN: Final = 3
_HELD: Final = re.compile(r"(?<=\d) (?=(?:s|min|h|%)(?:\W|$))|(?:(?<=\d h)|(?<=\d min)|(?<=ETA)|(?<=Dice)) (?=\d)")
"""Blanks within durations and scores."""


def render(state: SweepState, width: int, height: int | None = None, *, failures: bool = True) -> "RenderableType":
    """Return the table of a sweep's trials, its summary and how many failed of what.

    Args:
        state: the sweep.
        width: columns of the terminal; what fits least gives way: long times, a seed that all share, rates, Dice.
        height: lines to fit into; trials that matter less now are counted instead of shown. None shows all.
        failures: whether to show a line a kind of failure.
    """
    from rich.console import Group
    from rich.text import Text

    below = _below(state, width, failures)
    if height is not None and len(below) > height - _FIXED_LINES - min(_LEAST_ROWS, len(state.rows)):
        below = _below(state, width, failures, terse=True)
    room = len(state.rows)
    if height is not None and room > (free := height - 2 - len(below)):  # the heading, and the cursor's line
        room = max(_LEAST_ROWS, free - 1)  # a line that counts the rest
    by_urgency = sorted(state.rows, key=lambda row: STATES.index(row.trial.state))
    chosen = {id(row) for row in by_urgency[:room]}
    parts: list[RenderableType] = [_table([row for row in state.rows if id(row) in chosen], width)]
    if hidden := Counter(row.trial.state for row in by_urgency[room:]):
        counted = f"and {', '.join(f'{count} {name}' for name, count in hidden.items())}"
        parts.append(Text(_cut(counted, width), style="dim"))
    return Group(*parts, *(Text(line, style=style) for line, style in below))


def _below(state: SweepState, width: int, failures: bool, *, terse: bool = False) -> list[tuple[str, str]]:
    """Return the lines below the table, each with its style; terse: a line a remark, and one kind of failure."""
    below = [(line, "bold") for line in _wrapped(state.summary(), width)]
    for remark in state.remarks():
        below += [(line, "") for line in ([_cut(remark, width)] if terse else _wrapped(remark, width))]
    groups = failure_groups(state.rows) if failures else []
    for group in groups[: 1 if terse else _KINDS_SHOWN]:
        below.append((_cut(f"{len(group.rows)} failed, {group.words}: {group.message}", width), "red"))
    return below


def shortened(text: str, width: int) -> str:
    """Cut from the middle: names of variants differ at their end.

    >>> shortened("projection.dropout=0.05", 16)
    'pro…dropout=0.05'
    """
    if len(text) <= width:
        return text
    head = (width - 1) // 4
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def steps_of(trial: TrialState) -> str:
    """Return `10/200`, or `10` where the end is unknown."""
    return f"{trial.step}/{trial.steps}" if trial.steps else str(trial.step)


@dataclass(frozen=True)
class _Column:
    name: str
    cell: Callable[[TrialRow], str]


_VARIANT: Final = _Column("variant", lambda row: row.planned.variant)
_SEED: Final = _Column("seed", lambda row: str(row.planned.seed))
_LABELS: Final = _Column("labels", lambda row: "" if row.planned.label_split is None else str(row.planned.label_split))
_STATE: Final = _Column("state", lambda row: row.trial.state)
_STEP: Final = _Column("step", lambda row: steps_of(row.trial))
_RATE: Final = _Column("step/s", lambda row: f"{rate:.2f}" if (rate := row.trial.steps_per_second) else "")
_ETA: Final = _Column("ETA", lambda row: _eta(row.trial, duration))
_SHORT_ETA: Final = _Column("ETA", lambda row: _eta(row.trial, _clock))
_DICE: Final = _Column(
    "Dice %", lambda row: "" if row.trial.dice is None else f"{100 * row.trial.dice:.1f} {row.trial.dice_split}"
)


def _eta(trial: TrialState, written: Callable[[float], str]) -> str:
    return written(trial.eta_seconds) if trial.state == "running" and trial.eta_seconds is not None else ""


def _clock(seconds: float) -> str:
    """Return `0:42`, `3:20` or `5h07`."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02d}"


def _table(rows: Sequence[TrialRow], width: int) -> "Table":
    from rich.table import Table
    from rich.text import Text

    columns, gap = _fitting(rows, width)
    cells = {column.name: [column.cell(row) for row in rows] for column in columns}
    widths = {name: _widest(name, texts) for name, texts in cells.items()}
    left = width - sum(widths.values()) + widths["variant"] - gap * (len(columns) - 1)
    widths["variant"] = max(_LEAST_NAME, min(widths["variant"], left))
    cells["variant"] = [shortened(name, widths["variant"]) for name in cells["variant"]]

    table = Table(box=None, padding=0, pad_edge=False, collapse_padding=True, header_style="bold dim")
    for place, name in enumerate(cells):
        table.add_column(
            name,
            width=widths[name],
            justify="left" if name in _TO_THE_LEFT else "right",
            overflow="ellipsis",
            no_wrap=True,
        )
        if place < len(cells) - 1:
            table.add_column(width=gap)
    for texts in zip(*cells.values(), strict=True):
        spaced = [part for text in texts for part in (Text(text, style=_STYLES.get(text, "")), Text())]
        table.add_row(*spaced[:-1])
    return table


def _fitting(rows: Sequence[TrialRow], width: int) -> tuple[list[_Column], int]:
    """Return the columns for which there is room beside fair names of variants, and the gap between them."""
    labels = [_LABELS] if {row.planned.label_split for row in rows} - {None} else []
    columns = [_VARIANT, _SEED, *labels, _STATE, _STEP, _RATE, _ETA, _DICE]
    same_seed = len({row.planned.seed for row in rows}) == 1
    gap = 2
    name_width = _FAIR_NAME
    for give_way in ("nothing", "gap", "ETA", "seed", "variant", "step/s", "Dice %"):
        if give_way == "gap":
            gap = 1
        elif give_way == "variant":
            name_width = _SHORT_NAME
        elif give_way == "ETA":
            columns = [_SHORT_ETA if column is _ETA else column for column in columns]
        elif give_way != "seed" or same_seed:
            columns = [column for column in columns if column.name != give_way]
        widths = {column.name: _widest(column.name, [column.cell(row) for row in rows]) for column in columns}
        widths["variant"] = min(widths["variant"], name_width)
        if sum(widths.values()) + gap * (len(columns) - 1) <= width:
            break
    return columns, gap


def _widest(name: str, cells: Sequence[str]) -> int:
    return max(map(len, [name, *cells]))


def _wrapped(text: str, width: int) -> list[str]:
    """Break a line at blanks, but not within a duration or score."""
    held = _HELD.sub("\N{NO-BREAK SPACE}", text)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in textwrap.wrap(held, width)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"

"""An optimism for the terminal, as Markdown and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from analysis.optimism.columns import WARNING, Column, columns_of, notes_of, title_of
from analysis.optimism.of_sweep import SweepOptimism
from analysis.runs.spreadsheet import guarded
from analysis.tables.layout import common_key
from analysis.tables.markdown import escaped

if TYPE_CHECKING:
    from rich.console import RenderableType


def render_terminal(found: SweepOptimism, width: int = 80) -> "RenderableType":
    """Return what `rich` prints.

    Args:
        found: what was measured.
        width: columns of the terminal; from 60 on every number stays on one line. Where names need the room, names
            `p=0.1, p=0.2, ...` become 0.1, 0.2, ... under the heading `p=`, and columns that say the same in every row
            become a line below the table; then the least and the most stand below each other.
    """
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    names = [own.variant.name for own in found.variants]
    columns, key, said = _plan(found, names, width)
    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column(Text(_heading(key)), overflow="fold")  # Text, since rich takes [voxel] for markup
    for column in columns:
        grid.add_column(Text(column.short), justify="right", no_wrap=True)
    for name, (row, own) in zip(names, found.lines, strict=True):
        style = "bold" if row.is_reference else ""
        grid.add_row(Text(name.removeprefix(key), style=style), *(column.text(row, own) for column in columns))
    stop = found.scored.stop
    told = [*([f"Every row: {', '.join(said)}."] if said else []), *notes_of(found)]
    return Group(
        *([Text(f"{stop}\n", style="bold red")] if stop else []),
        Text(title_of(found), style="bold"),
        Text(WARNING, style="bold"),
        Text(""),
        grid,
        Text(""),
        *(Text(f"- {note}") for note in told),
    )


def render_text(found: SweepOptimism, form: str) -> str:
    """Return the text of a format, `md` or `csv`."""
    return {"md": render_markdown, "csv": render_csv}[form](found)


def render_markdown(found: SweepOptimism) -> str:
    """Return GitHub-flavoured Markdown, notes below."""
    columns, stop = columns_of(found), found.scored.stop
    lines = [f"# {escaped(title_of(found))}", "", *([f"**{escaped(stop)}**", ""] if stop else [])]
    lines += [f"**{escaped(WARNING)}**", ""]
    lines.append(_line(["variant", *(column.head for column in columns)]))
    lines.append(_line([":--", *("--:" for _ in columns)]))
    lines += [
        _line(escaped(text) for text in (own.variant.name, *(column.text(row, own) for column in columns)))
        for row, own in found.lines
    ]
    return "\n".join([*lines, "", *(f"- {escaped(note)}" for note in notes_of(found))]) + "\n"


def render_csv(found: SweepOptimism) -> str:
    """Return one line a variant: Dice from 0 to 1 in full precision, empty where missing."""
    out = io.StringIO()
    records = [_record(found, place) for place in range(len(found.variants))]
    writer = csv.DictWriter(out, list(records[0]), lineterminator="\n")
    writer.writeheader()
    for own in records:
        writer.writerow({head: guarded(cell) if isinstance(cell, str) else cell for head, cell in own.items()})
    return out.getvalue()


def _record(found: SweepOptimism, place: int) -> dict[str, str | int | float | None]:
    row, own = found.lines[place]
    least, most = own.limits or (None, None)
    fewest_checkpoints, most_checkpoints = own.checkpoints or (None, None)
    fewest_cases, most_cases = own.val_cases or (None, None)
    return {
        "sweep": found.scored.sweep.name,
        "dataset": found.scored.sweep.dataset,
        "group": own.variant.group,
        "variant": own.variant.name,
        "split": found.scored.split,
        "dice_last_iterate": row.mean,
        "n": row.n,
        "val_dice_last_step": own.last,
        "val_dice_best_checkpoint": own.best,
        "optimism": own.optimism,
        "optimism_least": least,
        "optimism_most": most,
        "checkpoints_fewest": fewest_checkpoints,
        "checkpoints_most": most_checkpoints,
        "val_cases_fewest": fewest_cases,
        "val_cases_most": most_cases,
        "trials_measured": len(own.choices),
        "trials": len(own.choices) + len(own.left_out),
    }


def _plan(found: SweepOptimism, names: Sequence[str], width: int) -> tuple[list[Column], str, list[str]]:
    """Return the columns that fit into a terminal, what is cut off all names, and what all rows say."""
    columns = columns_of(found)
    if _width(columns, found) + max(map(len, ["variant", *names])) <= width:
        return columns, "", []
    key = common_key(names)
    longest = max(len(word) for name in names for word in [_heading(key), *name.removeprefix(key).split()])
    for between in (" to ", "\nto "):
        columns = columns_of(found, between)
        same = [column for column in columns if column.constant and len(set(_texts(column, found))) == 1]
        kept = [column for column in columns if column not in same]
        if _width(kept, found) + longest <= width:
            break
    return kept, key, [f"{column.head} {_texts(column, found)[0]}" for column in same]


def _heading(key: str) -> str:
    return key.rsplit(".", 1)[-1] or "variant"


def _texts(column: Column, found: SweepOptimism) -> list[str]:
    return [column.text(row, own) for row, own in found.lines]


def _width(columns: Iterable[Column], found: SweepOptimism) -> int:
    """Return the letters that columns take, with the gap before each."""
    return sum(
        1 + max(len(line) for text in (column.short, *_texts(column, found)) for line in text.split("\n"))
        for column in columns
    )


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

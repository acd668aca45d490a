"""A table for the terminal."""

from typing import TYPE_CHECKING, Final

from analysis.tables.columns import Column
from analysis.tables.layout import Plan, choose_plan
from analysis.tables.lines import Line, Rank
from analysis.tables.table import Shown, as_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as Grid
    from rich.text import Text

_STYLES: Final[dict[Rank | None, str]] = {"best": "bold", "second": "underline", None: ""}


def render_terminal(table: Shown, width: int = 100) -> "RenderableType":
    """Return what `rich` prints, e.g. `console.print(render_terminal(table, console.width))`.

    Args:
        table: what to show.
        width: columns of the terminal; from 60 on every number stays on one line. One metric: below `NARROW`, columns
            of zeros go and `dropout=0.1, dropout=0.2, ...` becomes 0.1, 0.2, ... under the heading `dropout=`.
            Several: where the columns suffice, p stands beside its mean, else below it; then columns that say the same
            in every row become a line below the table; then those go that the notes tell as well; then metrics go below
            each other.
    """
    from rich.console import Group
    from rich.text import Text

    table = as_table(table)
    plan, name_width = choose_plan(table, width)
    parts: list[RenderableType] = [*(Text(f"{stop}\n", style="bold red") for stop in table.stops)]
    parts.append(Text(table.title, style="bold"))
    for own in table.classes:
        if own.class_name is not None:
            parts.append(Text(f"\n{own.class_name}", style="bold"))
        for columns in plan.grids:
            grid = _grid(plan, name_width, columns)
            for section in own.sections:
                if section.heading is not None:
                    grid.add_row(Text(section.heading, style="italic"))
                for line in section.lines:
                    name = line.row.variant.removeprefix(plan.key)
                    style = "bold" if line.row.is_reference else ""
                    grid.add_row(Text(name, style=style), *(_text(column, line) for column in columns))
            parts += [grid] if len(table.metrics) == 1 else [Text(""), grid]
    parts.append(Text(""))
    if plan.said:
        parts.append(Text(f"- Every row: {', '.join(f'{head} {text}' for head, text in plan.said)}."))
    for heading, notes in table.notes:
        parts += [Text(f"{heading}:", style="bold")] if heading is not None else []
        parts += [Text(f"- {note}") for note in notes]
    return Group(*parts)


def _grid(plan: Plan, name_width: int | None, columns: tuple[Column, ...]) -> "Grid":
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column(plan.heading, width=name_width, overflow="fold")
    for column in columns:
        # Text, since rich takes [voxel] for markup.
        grid.add_column(Text(column.head), justify="right", no_wrap=True)
    return grid


def _text(column: Column, line: Line) -> "Text":
    from rich.text import Text

    cell = column.cell(line)
    text = Text(cell.text, style=_STYLES[cell.rank])
    if column.fills:
        return text
    return Text.assemble(" " * (column.gap - 1), text, *((f"\n{below}", "dim") for below in cell.below))

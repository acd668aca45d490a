"""The overview of a sweep's metrics, one row a variant, for the terminal, as Markdown and as CSV."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.ablation import Overview
from analysis.cells import csv_text, escaped, markdown_line, record
from analysis.layout import Layout, Line, choose_layout
from analysis.metric import Metric, joined, labels

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as Grid


def overview_terminal(overview: Overview, width: int) -> "RenderableType":
    """Return what `rich` prints.

    Args:
        overview: the tables to show as one.
        width: columns of the terminal. Where they suffice, each p stands beside its mean, else below it; then columns
            that say the same in every row become a line below the table; then those go that the notes tell as well;
            then metrics go below each other.
    """
    from rich.console import Group
    from rich.text import Text

    metrics = [table.metric for table in overview.tables]
    titles = [rows[0][0].class_name for rows in overview.blocks()]
    blocks = [[Line.of(rows, metrics) for rows in block] for block in overview.blocks()]
    every = [line for lines in blocks for line in lines]
    layout = choose_layout(every, metrics, width)
    parts: list[RenderableType] = [Text(_title(overview), style="bold")]
    for title, lines in zip(titles, blocks, strict=True):
        if len(blocks) > 1:
            parts.append(Text(f"\n{title}", style="bold"))
        for number, places in enumerate(layout.parts):
            parts += [Text(""), _grid(lines, metrics, layout, places, layout.heads if number == 0 else ())]
    parts.append(Text(""))
    if same := [f"{head} {text}" for head, text in _hidden(every, layout)]:
        parts.append(Text(f"- Every row: {', '.join(same)}."))
    parts += [Text(f"- {note}") for note in overview.notes]
    return Group(*parts)


def overview_markdown(overview: Overview) -> str:
    """Return the overview as GitHub-flavoured Markdown, one section a class, notes below."""
    metrics = [table.metric for table in overview.tables]
    lines = [f"# {_title(overview)}", ""]
    for block in overview.blocks():
        if len(overview.blocks()) > 1:
            lines += [f"## {escaped(block[0][0].class_name)}", ""]
        cells = [Line.of(rows, metrics, " ± ", short=False) for rows in block]
        heads = [head for metric in metrics for head in (f"{metric.label} [{metric.unit}]", "p")]
        lines.append(markdown_line(["variant", *heads, *cells[0].rest]))
        lines.append(markdown_line([":--", *("--:" for _ in [*heads, *cells[0].rest])]))
        for line in cells:
            values = [text for pair in zip(line.values, line.ps, strict=True) for text in pair]
            lines.append(markdown_line(escaped(text) for text in (line.name, *values, *line.rest.values())))
        lines.append("")
    lines += [f"- {escaped(note)}" for note in overview.notes]
    return "\n".join(lines) + "\n"


def overview_csv(overview: Overview) -> str:
    """Return one line per class, variant and metric, in the columns of each table's own CSV."""
    by_row = zip(*(table.rows for table in overview.tables), strict=True)
    return csv_text([record(row, table) for rows in by_row for row, table in zip(rows, overview.tables, strict=True)])


def _title(overview: Overview) -> str:
    table = overview.main
    metrics = joined(list(labels([table.metric for table in overview.tables]).values()))
    against = f", reference {table.reference}" if table.reference is not None else ""
    return f"{table.sweep}: {metrics} on {table.split} cases of {table.dataset}{against}"


def _hidden(lines: Sequence[Line], layout: Layout) -> list[tuple[str, str]]:
    """Return heading and text of the columns that are not shown because every row says the same."""
    rest = lines[0].rest.items()
    return [(h, text) for h, text in rest if h not in layout.heads and all(line.rest[h] == text for line in lines)]


def _grid(
    lines: Sequence[Line], metrics: Sequence[Metric], layout: Layout, places: Sequence[int], heads: Sequence[str]
) -> "Grid":
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column(layout.heading, width=layout.name_width, overflow="fold")
    for place in places:
        # Text, since rich takes [voxel] for markup.
        grid.add_column(Text(f"{metrics[place].label}\n[{metrics[place].unit}]"), justify="right", no_wrap=True)
        if layout.beside:
            grid.add_column("p", justify="right", no_wrap=True)
    for head in heads:
        grid.add_column(head, justify="right", no_wrap=True)
    for line in lines:
        cells = [Text(line.name.removeprefix(layout.key))]
        for place in places:
            if layout.beside:
                cells += [Text(f" {line.values[place]}"), Text(line.ps[place])]
            else:
                cells.append(Text.assemble(line.values[place], "\n", (line.p_below(place), "dim")))
        grid.add_row(*cells, *(Text(line.rest[head]) for head in heads), style="bold" if line.is_reference else "")
    return grid

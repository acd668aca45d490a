"""An ablation table, or the overview of several, for the terminal, as Markdown and as CSV.

Terminal and Markdown show values as the field does (Dice and Jaccard in percent, two decimals); the CSV holds the
stored values in full precision.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.ablation import Overview, Table, ablation_table, overview
from analysis.cells import (
    common_key,
    csv_text,
    escaped,
    markdown_line,
    mean_and_sd,
    record,
    shown,
    shown_p,
    trial_cells,
)
from analysis.files import write_whole
from analysis.metric import Metric
from analysis.overview import overview_csv, overview_markdown, overview_terminal
from analysis.row import Row
from analysis.sweep import read_sweep

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "Overview",
    "Table",
    "WrittenTables",
    "ablation_table",
    "render_csv",
    "render_markdown",
    "render_terminal",
    "sweep_table",
    "write_tables",
]

NARROW: Final = 80
"""Width of a terminal below which the table is made compact."""


@dataclass(frozen=True)
class WrittenTables:
    """What a sweep's table shows, and the files that hold it.

    Attributes:
        table: the table, or the overview where the sweep names several metrics.
        markdown: file that holds it.
        csv: file that holds it.
        others: files of the tables behind an overview, one pair a metric.
    """

    table: Table | Overview
    markdown: Path
    csv: Path
    others: tuple[Path, ...] = ()


def sweep_table(
    runs: Path, sweep_name: str, metric: str | None = None, reference: str | None = None
) -> Table | Overview:
    """Build what a sweep is to be shown as: the overview of its metrics, or the table of its only one or of `metric`.

    Raises:
        AnalysisError: as `ablation_table`.
    """
    if metric is not None or not read_sweep(runs, sweep_name).also:
        return ablation_table(runs, sweep_name, metric, reference)
    return overview(runs, sweep_name, reference)


def write_tables(runs: Path, sweep_name: str, metric: str | None = None, reference: str | None = None) -> WrittenTables:
    """Build the table of a sweep and write `runs/sweeps/NAME/tables/table.md` and `table.csv`.

    Another metric than the sweep's goes to `table-METRIC.*`, another reference to `table-METRIC-vs-REFERENCE.*`. Of a
    sweep with several metrics, each has its table, and `overview.*` shows all (`overview-vs-REFERENCE.*`).

    Raises:
        AnalysisError: as `ablation_table`.
    """
    sweep = read_sweep(runs, sweep_name)
    folder = runs / "sweeps" / sweep_name / "tables"
    found = sweep_table(runs, sweep_name, metric, reference)

    def write(table: Table | Overview) -> tuple[Path, Path]:
        main = table.main if isinstance(table, Overview) else table
        foreign = main.reference != sweep.reference
        stem = "overview" if isinstance(table, Overview) else "table"
        if isinstance(table, Table) and (foreign or main.metric.name != sweep.metric):
            stem += f"-{main.metric.name}"
        if foreign:
            stem += "-vs-" + "".join(c if c.isalnum() or c in "._=-" else "_" for c in str(main.reference))
        files = folder / f"{stem}.md", folder / f"{stem}.csv"
        for file, text in zip(files, (render_markdown(table), render_csv(table)), strict=True):
            write_whole(file, text.encode())
        return files

    others = [file for table in (found.tables if isinstance(found, Overview) else ()) for file in write(table)]
    return WrittenTables(found, *write(found), tuple(others))


def render_terminal(table: Table | Overview, width: int = 100) -> "RenderableType":
    """Return what `rich` prints, e.g. `console.print(render_terminal(table, console.width))`.

    Args:
        table: the table.
        width: columns of the terminal; from 60 on every number stays on one line. Below `NARROW`, columns of zeros
            are left out and `dropout=0.1, dropout=0.2, ...` becomes 0.1, 0.2, ... under the heading `dropout=`.
    """
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    if isinstance(table, Overview):
        return overview_terminal(table, width)
    narrow = width < NARROW
    key = common_key([row.variant for row in table.blocks()[0]]) if narrow else ""
    parts: list[RenderableType] = [Text(_title(table), style="bold")]
    for rows in table.blocks():
        if len(table.blocks()) > 1:
            parts.append(Text(f"\n{rows[0].class_name}", style="bold"))
        cells = [_cells(row, table.metric, compact=narrow) for row in rows]
        heads = [head for head in cells[0] if not narrow or head not in _QUIET or any(c[head] != "0" for c in cells)]
        grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        for head in heads:
            if head == "variant":
                grid.add_column(key.rsplit(".", 1)[-1] or head, overflow="fold")
            else:
                grid.add_column(head, justify="right", no_wrap=True)
        for row, cell in zip(rows, cells, strict=True):
            texts = [Text(cell[head].removeprefix(key)) for head in heads]
            grid.add_row(*texts, style="bold" if row.is_reference else "")
        parts.append(grid)
    parts.append(Text(""))
    parts += [Text(f"- {note}") for note in table.notes]
    return Group(*parts)


def render_markdown(table: Table | Overview) -> str:
    """Return the table as GitHub-flavoured Markdown, one section a class, notes below."""
    if isinstance(table, Overview):
        return overview_markdown(table)
    lines = [f"# {_title(table)}", ""]
    for rows in table.blocks():
        if len(table.blocks()) > 1:
            lines += [f"## {escaped(rows[0].class_name)}", ""]
        cells = [_cells(row, table.metric) for row in rows]
        lines.append(markdown_line(cells[0]))
        lines.append(markdown_line(":--" if head == "variant" else "--:" for head in cells[0]))
        lines += [markdown_line(escaped(value) for value in cell.values()) for cell in cells]
        lines.append("")
    lines += [f"- {escaped(note)}" for note in table.notes]
    return "\n".join(lines) + "\n"


def render_csv(table: Table | Overview) -> str:
    """Return one line per class, variant and metric, stored units (Dice from 0 to 1), empty where missing."""
    return overview_csv(table) if isinstance(table, Overview) else csv_text([record(row, table) for row in table.rows])


_QUIET: Final = ("failed", "open", "empty")


def _title(table: Table) -> str:
    metric = table.metric
    against = f", reference {table.reference}" if table.reference is not None else ""
    return f"{table.sweep}: {metric.label} [{metric.unit}] on {table.split} cases of {table.dataset}{against}"


def _cells(row: Row, metric: Metric, compact: bool = False) -> dict[str, str]:
    """Return heading and text of every column."""
    found = row.difference
    test = found.test if found else None
    spread = {"mean": shown(row.mean, metric), "SD": shown(row.sd, metric)}
    return {
        "variant": row.variant,
        **({"mean±SD": mean_and_sd(row, metric)} if compact else spread),
        "diff": "ref" if row.is_reference else shown(test.difference if test else None, metric, sign="+"),
        "p": shown_p(found.p_holm if found else None),
        "n": str(row.n),
        **trial_cells(row, short=compact),
    }

"""An ablation table for the terminal, as Markdown and as CSV.

Terminal and Markdown show values as the field does (Dice and Jaccard in percent, two decimals); the CSV holds the
stored values in full precision.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.ablation import Table, ablation_table
from analysis.files import write_whole
from analysis.metric import Metric
from analysis.row import Row

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "Table",
    "WrittenTables",
    "ablation_table",
    "render_csv",
    "render_markdown",
    "render_terminal",
    "write_tables",
]

MISSING: Final = "-"
NARROW: Final = 80
"""Width of a terminal below which the table is made compact."""


@dataclass(frozen=True)
class WrittenTables:
    """A table and the files that hold it."""

    table: Table
    markdown: Path
    csv: Path


def write_tables(runs: Path, sweep_name: str, metric: str | None = None, reference: str | None = None) -> WrittenTables:
    """Build the table of a sweep and write `runs/sweeps/NAME/tables/table.md` and `table.csv`.

    Another metric than the sweep's or another reference goes to `table-METRIC.*`, `table-METRIC-vs-REFERENCE.*`.

    Raises:
        AnalysisError: as `ablation_table`.
    """
    from analysis.sweep import read_sweep

    table = ablation_table(runs, sweep_name, metric, reference)
    sweep = read_sweep(runs, sweep_name)
    stem = "table"
    if table.metric.name != sweep.metric or table.reference != sweep.reference:
        stem += f"-{table.metric.name}"
    if table.reference != sweep.reference:
        stem += "-vs-" + "".join(c if c.isalnum() or c in "._=-" else "_" for c in str(table.reference))
    folder = runs / "sweeps" / sweep_name / "tables"
    written = WrittenTables(table, folder / f"{stem}.md", folder / f"{stem}.csv")
    write_whole(written.markdown, render_markdown(table).encode())
    write_whole(written.csv, render_csv(table).encode())
    return written


def render_terminal(table: Table, width: int = 100) -> "RenderableType":
    """Return what `rich` prints, e.g. `console.print(render_terminal(table, console.width))`.

    Args:
        table: the table.
        width: columns of the terminal; from 60 on every number stays on one line. Below `NARROW`, columns of zeros
            are left out and `dropout=0.1, dropout=0.2, ...` becomes 0.1, 0.2, ... under the heading `dropout=`.
    """
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    narrow = width < NARROW
    key = _common_key([row.variant for row in table.blocks()[0]]) if narrow else ""
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


def render_markdown(table: Table) -> str:
    """Return the table as GitHub-flavoured Markdown, one section a class, notes below."""
    lines = [f"# {_title(table)}", ""]
    for rows in table.blocks():
        if len(table.blocks()) > 1:
            lines += [f"## {_escaped(rows[0].class_name)}", ""]
        cells = [_cells(row, table.metric) for row in rows]
        lines.append(_line(list(cells[0])))
        lines.append(_line([":--" if head == "variant" else "--:" for head in cells[0]]))
        lines += [_line([_escaped(value) for value in cell.values()]) for cell in cells]
        lines.append("")
    lines += [f"- {_escaped(note)}" for note in table.notes]
    return "\n".join(lines) + "\n"


def render_csv(table: Table) -> str:
    """Return one line per class and variant, stored units (Dice from 0 to 1), full precision, empty where missing."""
    out = io.StringIO()
    lines = [_record(row, table) for row in table.rows]
    writer = csv.DictWriter(out, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


_QUIET: Final = ("failed", "open", "empty")


def _common_key(names: Sequence[str]) -> str:
    """Return `key=` if all names are different values of one key."""
    keys = {name[: name.find("=") + 1] for name in names}
    return keys.pop() if len(keys) == 1 and len(names) > 1 and not any("," in name for name in names) else ""


def _title(table: Table) -> str:
    metric = table.metric
    against = f", reference {table.reference}" if table.reference is not None else ""
    return f"{table.sweep}: {metric.label} [{metric.unit}] on {table.split} cases of {table.dataset}{against}"


def _cells(row: Row, metric: Metric, compact: bool = False) -> dict[str, str]:
    """Return heading and text of every column, the seeds as finished/planned."""
    test = row.test
    mean, sd = _shown(row.mean, metric), _shown(row.sd, metric)
    spread = {"mean±SD": f"{mean}±{sd}" if row.mean is not None else MISSING} if compact else {"mean": mean, "SD": sd}
    return {
        "variant": row.variant,
        **spread,
        "diff": "ref" if row.is_reference else _shown(test.difference if test else None, metric, sign="+"),
        "p": _p(test.p if test else None),
        "n": str(row.n),
        "seeds": f"{len(row.trials.seeds)}/{row.trials.planned}",
        "failed": str(len(row.trials.failed)),
        "open" if compact else "unfinished": str(row.trials.unfinished),
        "empty": str(row.empty_cases),
    }


def _shown(value: float | None, metric: Metric, sign: str = "") -> str:
    # Adding 0 after rounding turns -0.00 into 0.00.
    return MISSING if value is None else f"{round(value * metric.scale, 2) + 0.0:{sign}.2f}"


def _p(value: float | None) -> str:
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else ">0.999" if value > 0.999 else f"{value:.3f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _record(row: Row, table: Table) -> dict[str, str | int | float | None]:
    test = row.test
    return {
        "sweep": table.sweep,
        "dataset": table.dataset,
        "split": table.split,
        "metric": table.metric.name,
        "class": row.class_name,
        "variant": row.variant,
        "reference": table.reference,
        "mean": row.mean,
        "sd": row.sd,
        "n": row.n,
        "difference": test.difference if test else None,
        "p": test.p if test else None,
        "n_pairs": test.n if test else None,
        "seeds": len(row.trials.seeds),
        "trials": row.trials.planned,
        "failed": len(row.trials.failed),
        "unfinished": row.trials.unfinished,
        "cases": row.cases,
        "empty_cases": row.empty_cases,
        "empty_predictions": row.empty_predictions,
        "predictions": row.predictions,
        "empty_labels": row.empty_labels,
    }

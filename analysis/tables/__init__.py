"""Ablation tables for the terminal, as Markdown, LaTeX, HTML and CSV.

All but the CSV show values as the field does (Dice and Jaccard in percent, two decimals); the CSV holds the stored
values in full precision.
"""

from typing import TYPE_CHECKING

from analysis.comparison.table import Overview, Table, ablation_table, overview
from analysis.tables.csv_lines import csv_lines
from analysis.tables.html import html
from analysis.tables.latex import latex
from analysis.tables.markdown import markdown
from analysis.tables.sheet import Sheet, make_sheet
from analysis.tables.style import Style
from analysis.tables.terminal import terminal
from analysis.tables.write import WrittenTables, sweep_table, write_tables

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "Overview",
    "Sheet",
    "Style",
    "Table",
    "WrittenTables",
    "ablation_table",
    "make_sheet",
    "overview",
    "render_csv",
    "render_html",
    "render_latex",
    "render_markdown",
    "render_terminal",
    "sweep_table",
    "write_tables",
]

Shown = Table | Overview | Sheet


def render_terminal(table: Shown, width: int = 100) -> "RenderableType":
    """Return what `rich` prints, e.g. `console.print(render_terminal(table, console.width))`."""
    return terminal(_sheet(table), width)


def render_markdown(table: Shown) -> str:
    """Return GitHub-flavoured Markdown, one section a class, notes below."""
    return markdown(_sheet(table))


def render_latex(table: Shown) -> str:
    """Return a complete LaTeX `table` environment; it needs the packages booktabs and adjustbox."""
    return latex(_sheet(table))


def render_html(table: Shown) -> str:
    """Return an HTML `table` with its notes, without style or script."""
    return html(_sheet(table))


def render_csv(table: Shown) -> str:
    """Return one line per class, variant and metric, stored units (Dice from 0 to 1), empty where missing."""
    return csv_lines(_sheet(table))


def _sheet(table: Shown) -> Sheet:
    return table if isinstance(table, Sheet) else make_sheet([table])

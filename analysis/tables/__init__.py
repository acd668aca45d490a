"""Ablation tables for the terminal, as Markdown, LaTeX, HTML and CSV.

All but the CSV show values as the field does (Dice and Jaccard in percent, two decimals); the CSV holds the stored
values in full precision.
"""

from analysis.tables.case_lines import render_cases
from analysis.tables.csv_lines import render_csv
from analysis.tables.html import render_html
from analysis.tables.latex import render_latex
from analysis.tables.markdown import render_markdown
from analysis.tables.style import Style
from analysis.tables.table import Table, ablation_table, make_sheet, overview
from analysis.tables.terminal import render_terminal
from analysis.tables.write import WrittenTables, write_tables

__all__ = [
    "Style",
    "Table",
    "WrittenTables",
    "ablation_table",
    "make_sheet",
    "overview",
    "render_cases",
    "render_csv",
    "render_html",
    "render_latex",
    "render_markdown",
    "render_terminal",
    "write_tables",
]

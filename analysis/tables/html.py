"""A table as a fragment of HTML: no style and no script, but with what is needed to sort and filter it."""

from html import escape
from itertools import groupby

from analysis.tables.columns import Cell, Column, columns
from analysis.tables.lines import ClassLines
from analysis.tables.table import Shown, Table, as_table


def render_html(table: Shown) -> str:
    """Return an HTML `table` and its notes.

    Rows carry `data-class` and `data-variant`, cells `data-sort`: the value in the unit shown, or the text; empty where
    missing. Each class and group is a `tbody` of its own, under a row that names it.
    """
    table = as_table(table)
    shown = columns(table)
    parts = [f"<p><strong>{escape(stop)}</strong></p>" for stop in table.stops]
    parts += ['<table class="simcvd-table">', f"<caption>{escape(table.title)}</caption>", *_head(table, shown)]
    for own in table.classes:
        parts += _body(own, shown)
    parts.append("</table>")
    for heading, notes in table.notes:
        if heading is not None:
            parts.append(f"<p><strong>{escape(heading)}</strong></p>")
        parts += ['<ul class="simcvd-notes">', *(f"<li>{escape(note)}</li>" for note in notes), "</ul>"]
    return "\n".join(parts) + "\n"


def _head(table: Table, shown: list[Column]) -> list[str]:
    if len(table.metrics) == 1:
        return ["<thead>", "<tr>", *(_heading(column) for column in shown), "</tr>", "</thead>"]
    upper, lower = [], []
    for metric, group in groupby(shown, key=lambda column: column.metric):
        own = list(group)
        if metric is None:
            upper += [_heading(column, ' rowspan="2"') for column in own]
        else:
            upper.append(f'<th scope="colgroup" colspan="{len(own)}">{escape(metric.heading)}</th>')
            lower += [_heading(column) for column in own]
    return ["<thead>", "<tr>", *upper, "</tr>", "<tr>", *lower, "</tr>", "</thead>"]


def _heading(column: Column, more: str = "") -> str:
    kind = "number" if column.numeric else "text"
    return f'<th scope="col"{more} data-type="{kind}">{escape(column.head)}</th>'


def _body(own: ClassLines, shown: list[Column]) -> list[str]:
    parts = []
    for section in own.sections:
        parts.append("<tbody>")
        heading = ": ".join(filter(None, (own.class_name, section.heading)))
        if heading:
            parts.append(f'<tr><th scope="rowgroup" colspan="{len(shown)}">{escape(heading)}</th></tr>')
        for line in section.lines:
            row = line.row
            reference = ' data-reference=""' if row.is_reference else ""
            parts.append(
                f'<tr data-class="{escape(row.class_name)}" data-variant="{escape(row.variant)}"{reference}>'
                + "".join(_cell(column, column.cell(line)) for column in shown)
                + "</tr>"
            )
        parts.append("</tbody>")
    return parts


def _cell(column: Column, cell: Cell) -> str:
    text = escape(cell.text)
    text = f"<strong>{text}</strong>" if cell.rank == "best" else f"<u>{text}</u>" if cell.rank == "second" else text
    text += f"<sup>{cell.stars}</sup>" if cell.stars else ""
    sort = "" if cell.sort is None else cell.sort if isinstance(cell.sort, str) else repr(float(cell.sort))
    if not column.numeric:
        return f'<th scope="row" data-sort="{escape(sort)}">{text}</th>'
    return f'<td data-sort="{escape(sort)}">{text}</td>'

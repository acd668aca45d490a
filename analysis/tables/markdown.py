"""A table as GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable

from analysis.tables.columns import Cell, Column, columns
from analysis.tables.lines import Section
from analysis.tables.table import Shown, Table, as_table


def render_markdown(table: Shown) -> str:
    """Return GitHub-flavoured Markdown: one section a class, groups as lines of their own, notes below."""
    table = as_table(table)
    shown = columns(table)
    lines = [f"# {escaped(table.title)}", ""]
    for stop in table.stops:
        lines += [f"**{escaped(stop)}**", ""]
    for own in table.classes:
        if own.class_name is not None:
            lines += [f"## {escaped(own.class_name)}", ""]
        lines.append(_line(_head(column, table) for column in shown))
        lines.append(_line("--:" if column.numeric else ":--" for column in shown))
        for section in own.sections:
            lines += _section(section, shown)
        lines.append("")
    for heading, notes in table.notes:
        lines += [f"**{escaped(heading)}**", ""] if heading is not None else []
        lines += [*(f"- {escaped(note)}" for note in notes), ""]
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    r"""Return text that stays in its cell and is shown as it is.

    >>> print(escaped("a|b *c* <b> 3 < 4 [%]"))
    a\|b \*c\* \<b> 3 < 4 [%]
    """
    text = re.sub(
        r"([\\`*|]|<(?=[A-Za-z/!?])|~(?=~)|\[(?=[^\]]*\]\()|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", text
    )
    return " ".join(text.split("\n"))


def _head(column: Column, table: Table) -> str:
    named = column.is_mean and column.metric is not None and len(table.metrics) > 1
    return escaped(column.metric.heading if named and column.metric else column.head)


def _section(section: Section, shown: list[Column]) -> list[str]:
    heading = [f"**{escaped(section.heading)}**", *("" for _ in shown[1:])] if section.heading is not None else None
    lines = [_line(_cell(column.cell(line)) for column in shown) for line in section.lines]
    return [_line(heading), *lines] if heading else lines


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    text = f"**{text}**" if cell.rank == "best" else f"<ins>{text}</ins>" if cell.rank == "second" else text
    return text + escaped(cell.stars)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

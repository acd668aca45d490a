"""A sheet as GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable

from analysis.tables.columns import Cell, Column, columns
from analysis.tables.sheet import Section, Sheet


def markdown(sheet: Sheet) -> str:
    """Return one section a class, groups as lines of their own, notes below."""
    shown = columns(sheet)
    lines = [f"# {escaped(sheet.title)}", ""]
    for block in sheet.blocks:
        if block.class_name is not None:
            lines += [f"## {escaped(block.class_name)}", ""]
        lines.append(_line(_head(column, sheet) for column in shown))
        lines.append(_line("--:" if column.numeric else ":--" for column in shown))
        for section in block.sections:
            lines += _section(section, shown)
        lines.append("")
    for heading, notes in sheet.notes:
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


def _head(column: Column, sheet: Sheet) -> str:
    named = column.is_mean and column.metric is not None and len(sheet.metrics) > 1
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

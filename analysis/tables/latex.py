"""A table as a LaTeX table; needs the packages booktabs and adjustbox."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from analysis.tables.columns import Cell, Column, columns, same_everywhere
from analysis.tables.table import Shown, Table, as_table

_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "→": r"$\rightarrow$",
    "∞": r"$\infty$",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
    "\N{MINUS SIGN}": "$-$",
    "†": r"\textsuperscript{\dag}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
}
_OMICRON_LIKE: Final = {"omicron": "o"}
"""Greek letters that LaTeX has no command for."""

_NARROW: Final = 5
"""Columns that fit into one column of a page."""

_OVER: Final = "p over "
"""How the heading of the test over seeds, or label splits, begins, and its notes."""


def render_latex(table: Shown) -> str:
    """Return a complete `table` environment: caption, rules, groups, footnotes; it needs booktabs and adjustbox.

    Columns of counts that say the same in every row become a footnote. Many columns take `table*`, over both columns of
    a page; a table that is too wide for its place is scaled down.
    """
    table = as_table(table)
    every = columns(table)
    same = [column for column in every if column.constant and same_everywhere(table.lines, column)]
    shown = [column for column in every if column not in same]
    marks = _marks(table, shown)
    kind = "table*" if len(shown) > _NARROW else "table"
    lines = [
        r"% \usepackage{booktabs,adjustbox}",
        rf"\begin{{{kind}}}[tbp]",
        r"\centering",
        rf"\caption{{{escaped(table.title)}}}",
        rf"\label{{tab:{_label(table)}}}",
        r"\begin{adjustbox}{max width=\linewidth}",
        rf"\begin{{tabular}}{{{''.join('r' if column.numeric else 'l' for column in shown)}}}",
        r"\toprule",
        *_head(table, shown, marks),
    ]
    for own in table.classes:
        for section in own.sections:
            lines.append(r"\midrule")
            if heading := ": ".join(filter(None, (own.class_name, section.heading))):
                lines.append(rf"\multicolumn{{{len(shown)}}}{{l}}{{\textit{{{escaped(heading)}}}}} \\")
            lines += [_row([_cell(column.cell(line)) for column in shown]) for line in section.lines]
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{adjustbox}", *_footnotes(table, same, marks), rf"\end{{{kind}}}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""Return text that LaTeX shows as it is.

    >>> print(escaped("50 % of a_b ± 1"))
    50 \% of a\_b $\pm$ 1
    """
    return "".join(_SPECIAL.get(char) or _greek(char) or char for char in " ".join(text.split()))


def _greek(char: str) -> str | None:
    """Return the command of a Greek letter."""
    words = unicodedata.name(char, "").split()
    if words[:1] != ["GREEK"] or words[2:3] != ["LETTER"] or len(words) != 4:
        return None
    name = words[3].lower().replace("lamda", "lambda")
    if words[1] == "SMALL" and name in _OMICRON_LIKE:
        return "$o$"
    has_capital = name in {"gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega"}
    if words[1] == "SMALL":
        return rf"$\{name}$"
    return (
        rf"$\{name.capitalize()}$" if has_capital else {"chi": "X", "rho": "P", "eta": "H"}.get(name, name[0].upper())
    )


def _marks(table: Table, shown: Sequence[Column]) -> dict[str, str]:
    """Give a letter to each heading that a note explains."""
    notes = [note for _, own in table.notes for note in own]
    heads = dict.fromkeys(column.head for column in shown if column.head == "p" or column.head.startswith(_OVER))
    explained = [head for head in heads if any(_explains(note, head) for note in notes)]
    return {head: "abc"[place] for place, head in enumerate(explained)}


def _explains(note: str, head: str) -> bool:
    return note.startswith(f"{head}: ") or (note.startswith(_OVER) and head.startswith(_OVER))


def _head(table: Table, shown: Sequence[Column], marks: dict[str, str]) -> list[str]:
    def heading(column: Column) -> str:
        mark = marks.get(column.head)
        alone = column.is_mean and len(table.metrics) == 1
        text = escaped(f"{column.head} {column.metric.bracketed}" if alone and column.metric else column.head)
        return text + (rf"\textsuperscript{{{mark}}}" if mark else "")

    if len(table.metrics) == 1:
        return [_row([heading(column) for column in shown])]
    upper, rules, lower, place = [], [], [], 1
    for metric, group in groupby(shown, key=lambda column: column.metric):
        own = list(group)
        lower += [heading(column) for column in own]
        if metric is None:
            upper += ["" for _ in own]
        else:
            upper.append(rf"\multicolumn{{{len(own)}}}{{c}}{{{escaped(metric.heading)}}}")
            rules.append(rf"\cmidrule(lr){{{place}-{place + len(own) - 1}}}")
        place += len(own)
    return [_row(upper), "".join(rules), _row(lower)]


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    # A sign is a minus, not a hyphen.
    text = cell.text if isinstance(cell.sort, str) else re.sub(r"(?<![\w.])-(?=\d)", "\N{MINUS SIGN}", cell.text)
    text = "--" if text == "-" else escaped(text)
    text = rf"\textbf{{{text}}}" if cell.rank == "best" else rf"\underline{{{text}}}" if cell.rank == "second" else text
    return text + (rf"\textsuperscript{{{cell.stars}}}" if cell.stars else "")


def _footnotes(table: Table, same: Sequence[Column], marks: dict[str, str]) -> list[str]:
    told = [rf"\textbf{{{escaped(stop)}}}" for stop in table.stops]
    for heading, notes in table.notes:
        if heading is not None:
            told.append(rf"\textit{{{escaped(heading)}.}}")
        for note in notes:
            mark = next((mark for head, mark in marks.items() if _explains(note, head)), None)
            told.append((rf"\textsuperscript{{{mark}}}" if mark else "") + escaped(note))
    if same and table.lines:
        said = ", ".join(f"{column.head} {column.cell(table.lines[0]).text}" for column in same)
        told.append(escaped(f"Every row: {said}."))
    return [
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *(f"{note}\\par" for note in told),
        r"\end{minipage}",
    ]


def _label(table: Table) -> str:
    names = "-".join(source.sweep.name for source in table.sources)
    return re.sub(r"[^a-z0-9]+", "-", f"{names}-{table.metrics[0].name}".lower()).strip("-")

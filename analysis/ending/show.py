"""How a sweep ended, as text: for a terminal and as Markdown."""

import math
import re
import textwrap
from collections.abc import Sequence
from typing import Final

from analysis.ending.ending import Ending, Part

MOST_LINES: Final = 20
_NARROWEST: Final = 40
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_P: Final = re.compile(r"\bp ([=<>]) (?=\d)")


def ending_lines(ending: Ending, width: int = 80, most: int = MOST_LINES) -> list[str]:
    """Return the lines of a terminal, none longer than it is wide, but for commands, which are pasted whole.

    Where they are too many, the parts of the highest rank are left out, then commands; parts of rank 0 stay.

    Args:
        ending: what to show.
        width: columns.
        most: lines, a command that is longer than a line counted as several.
    """
    width = max(width, _NARROWEST)
    parts, commands = list(ending.parts), list(ending.commands)

    def lines() -> int:
        return len(_wrapped(parts, width)) + 1 + sum(math.ceil(len(command) / width) for command in commands)

    while lines() > most and any(part.rank for part in parts):
        last = max(part.rank for part in parts)
        parts = [part for part in parts if part.rank != last]
    while lines() > most and len(commands) > 1:
        del commands[0]  # the report, the last one, shows all that the others do
    return [*_wrapped(parts, width), "", *commands]


def ending_markdown(ending: Ending) -> str:
    """Return Markdown: the verdict, what it rests on, the commands."""
    from analysis.tables.markdown import escaped

    first, *rest = ending.parts
    told = [f"- {escaped(part.text.strip())}" for part in rest]
    return "\n".join([f"**{escaped(first.text)}**", "", *told, "", "```", *ending.commands, "```", ""])


def _wrapped(parts: Sequence[Part], width: int) -> list[str]:
    return [
        line.replace(_NO_BREAK, " ")
        for part in parts
        for line in textwrap.wrap(
            _P.sub(rf"p{_NO_BREAK}\1{_NO_BREAK}", part.text),
            width,
            subsequent_indent="    " if part.text.startswith(" ") else "",
            break_on_hyphens=False,
        )
    ]

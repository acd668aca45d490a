"""Names as cells of a CSV that a spreadsheet opens: one that begins as a formula does is kept text by an apostrophe."""

import re

_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # wide signs count too where one writes them
_WORDS = re.compile(r"[+-] [\w .\-]+")  # no function, quote or other file: a spreadsheet finds nothing to compute
_GUARDED = re.compile(f"'{_FORMULA.pattern}")


def guarded(name: str) -> str:
    """Return a name as a cell; `unguarded` gives it back.

    A sign, a blank and words, as rows of ablations are called, are no formula.

    >>> guarded("=1+1"), guarded("'=1+1"), guarded("dropout=0.2"), guarded("+ in-painting")
    ("'=1+1", "''=1+1", 'dropout=0.2', '+ in-painting')
    """
    return f"'{name}" if _FORMULA.match(name) and not _WORDS.fullmatch(name) else name


def unguarded(cell: str) -> str:
    """Return the name in a cell.

    >>> unguarded("'=1+1"), unguarded("'t Hooft")
    ('=1+1', "'t Hooft")
    """
    return cell[1:] if _GUARDED.match(cell) else cell

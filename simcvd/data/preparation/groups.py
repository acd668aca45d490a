"""Which cases belong together, such as all scans of one patient, as a person's file says it."""

import csv
from collections.abc import Collection, Mapping
from io import StringIO
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from simcvd.nearest import did_you_mean

_HEADER: Final = ["case", "group"]
_EXPECTED: Final = "expected a CSV file whose first line is case,group"


def read_groups(path: Path) -> dict[str, str]:
    """Read the group of each case: a CSV file with the columns `case` and `group`, both taken as text.

    Args:
        path: the file.

    Raises:
        UserError: no such file, another header, an empty cell, a case named twice, or one group written in two ways.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets begin files with a mark
        lines = list(csv.reader(StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"The groups file {path} can't be read ({error}); {_EXPECTED}.") from error
    rows = [
        (number, [cell.strip() for cell in line])
        for number, line in enumerate(lines, 1)
        if any(cell.strip() for cell in line)
    ]
    if not rows or rows[0][1] != _HEADER:
        found = f"begins with '{','.join(rows[0][1])[:60]}'" if rows else "is empty"
        raise UserError(f"The groups file {path} {found}; {_EXPECTED}.")
    groups: dict[str, str] = {}
    for number, cells in rows[1:]:
        if len(cells) != len(_HEADER) or not all(cells):
            raise UserError(
                f"Row {number} of the groups file {path} is '{','.join(cells)[:60]}'; expected a case and its group."
            )
        case_id, group = cells
        if case_id in groups:
            raise UserError(f"The groups file {path} names case {case_id} more than once; name each case once.")
        groups[case_id] = group
    if not groups:
        raise UserError(f"The groups file {path} names no case; {_EXPECTED}, and a line for each case below it.")
    _refuse_written_otherwise(path, groups)
    return groups


def _refuse_written_otherwise(path: Path, groups: Mapping[str, str]) -> None:
    """Refuse names that a spreadsheet or a person may have made of one: `7` and `007` or `7.0`, `P1` and `p1`."""
    seen: dict[str, str] = {}
    for group in groups.values():
        first = seen.setdefault(_plain(group), group)
        if first != group:
            raise UserError(
                f"The groups file {path} names the groups {first} and {group}; write one group in one way, or give two "
                "groups names that differ by more."
            )


def _plain(group: str) -> str:
    whole, _, rest = group.partition(".")
    if whole.isdecimal() and not rest.strip("0"):
        return str(int(whole))
    return group.casefold()


def refuse_unknown(path: Path, groups: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse a groups file that names cases which the source does not have.

    Raises:
        UserError: with the first of them, and what may have been meant.
    """
    unknown = [case_id for case_id in groups if case_id not in known]
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise UserError(
            f"The groups file {path} names case {unknown[0]}, which the source does not have"
            f"{f' ({near})' if near else ''}; correct the file."
        )

"""Headers of NRRD and MetaImage files, read so strictly that SimpleITK can see no other file name in them.

Both formats can name any file of the machine as their voxels. What is read here decides whether that is allowed, so a
line that the two readers could take in different ways is refused.
"""

import os
import re
from pathlib import Path

from simcvd.scans.reading import refusal

MOST_BYTES = 2**20
"""More than any header has."""

Fields = dict[str, str]

_LINE_BYTES = 500  # MetaImage's reader takes the rest of a longer line for another one
_METAIMAGE_LINE = re.compile(rb"[^=:]*[^=:\s][ \t]*[=:][ \t]*\S.*")
_NRRD_LINE = re.compile(rb"#.*|.*\S:[= ].*")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f]")
_LOCAL = ("LOCAL", "Local", "local")
_PLAIN_NAME = re.compile(r"(?!LIST|-$|\.{1,2}$|\s)[^/\\:%]+(?<=[!-~])")  # all that either reader looks up as it stands


def metaimage_fields(path: Path) -> Fields:
    """Return the fields of a MetaImage header, their names in lower case without blanks.

    Raises:
        ValueError: no header, or one that could be read in two ways.
    """
    fields: Fields = {}
    for line in _start(path).split(b"\n"):
        if not line.strip(b" \t"):
            continue
        if len(line) >= _LINE_BYTES or _CONTROL.search(line) or not _METAIMAGE_LINE.fullmatch(line):
            raise ValueError(f"its header has the line '{_shown(line)}', expected NAME = VALUE")
        name, value = (part.strip(" \t") for part in re.split("[=:]", os.fsdecode(line), maxsplit=1))
        key = name.lower().replace(" ", "")
        if key == "elementdatafile" and name != "ElementDataFile":
            raise ValueError(f"its header has the field '{name}', expected ElementDataFile")
        fields[key] = value
        if key == "elementdatafile":
            return fields  # what follows is voxels
    raise ValueError("its header does not say where its voxels are (ElementDataFile)")


def nrrd_fields(path: Path) -> Fields:
    """Return the fields of an NRRD header, their names in lower case without blanks; not its pairs of key and value.

    Raises:
        ValueError: no header, or one that could be read in two ways.
    """
    start = _start(path)
    header, end, _ = start.partition(b"\n\n")
    if not header.startswith(b"NRRD000"):
        raise ValueError("it does not begin as NRRD files do")
    if not end and len(start) >= MOST_BYTES:
        raise ValueError(f"its header has no end within {MOST_BYTES} bytes")
    fields: Fields = {}
    for line in header.rstrip(b"\n").split(b"\n")[1:]:
        if _CONTROL.search(line) or not _NRRD_LINE.fullmatch(line):
            raise ValueError(f"its header has the line '{_shown(line)}', expected NAME: VALUE")
        name, separator, value = re.split("(:=|: )", os.fsdecode(line), maxsplit=1) if line[:1] != b"#" else ("",) * 3
        key = name.lower().replace(" ", "")
        if separator != ": ":
            continue
        if key in fields:
            raise ValueError(f"its header has the field '{name}' twice")
        fields[key] = value.lstrip(" ") if key == "datafile" else value.strip()
        if key == "datafile" and value.lstrip(" ").startswith("LIST"):
            break  # names of files follow
    return fields


def data_file(path: Path, named: str | None) -> Path:
    """Return the file with the voxels: the header's own, or one beside it.

    A header names a file in its own folder by its plain name; others, lists and patterns are refused, and so is a link
    that leads out of the folder, unless header and voxels lie in one folder that both are linked from.

    Args:
        path: the header's file.
        named: what it says.

    Raises:
        UserError: another file is named, or it is missing.
    """
    if named is None or named in _LOCAL:
        return path
    advice = "put one file with the voxels beside the header, and its plain name into it"
    if not _PLAIN_NAME.fullmatch(named):
        raise refusal(path, f"its header names '{_shown(os.fsencode(named))}' as its voxels", advice)
    beside = path.parent / named
    if not beside.is_file():
        raise refusal(path, f"its voxels should be in {named}, which is not there", "put it beside the header")
    if beside.resolve().parent not in (path.parent.resolve(), path.resolve().parent):
        raise refusal(path, f"its voxels in {named} are a link to a file of another folder", advice)
    return beside


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES).replace(b"\r\n", b"\n")


def _shown(line: bytes) -> str:
    return re.sub(r"[^ -~]", "?", line.decode("latin-1"))[:200]

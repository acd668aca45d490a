"""Image files of a folder: which there are, what is wrong with them, and the case ids that their names stand for."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from simcvd.data.preparation.splits import case_id_of
from simcvd.scans.formats import LOCATED_ENDINGS, scan_ending, split_channel


def image_files(folder: Path) -> list[Path]:
    """List what has an image's ending; names with a leading dot are left-overs of another system."""
    if not folder.is_dir():
        return []
    found = sorted(folder.iterdir())
    return [path for path in found if path.name.lower().endswith(LOCATED_ENDINGS) and not path.name.startswith(".")]


def channel_files(paths: Iterable[Path]) -> dict[Path, dict[int, Path]]:
    """Return for each path `NAME.END` that has some the files `NAME_0000.END`, `NAME_0001.END`, ..., by number."""
    wanted = {_key(path, case_id_of(path.name)): path for path in paths}
    found: dict[Path, dict[int, Path]] = defaultdict(dict)
    for folder in sorted({path.parent for path in wanted.values()}):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            part = split_channel(case_id_of(file.name))
            path = wanted.get(_key(file, part[0])) if part else None
            if part and path:
                found[path][part[1]] = file
    return dict(found)


def _key(path: Path, stem: str) -> tuple[Path, str, str | None]:
    return path.parent, stem, scan_ending(path)


def file_problem(path: Path) -> str | None:
    """Say why a file can't be read at all, without opening it."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return f"{path} is {f'a link to {os.readlink(path)}, which is ' if os.path.islink(path) else ''}missing"
    except OSError as error:
        return f"{path} can't be read ({error.strerror})"
    if not stat.S_ISREG(state.st_mode):
        return f"{path} is {'a folder' if stat.S_ISDIR(state.st_mode) else 'no file'}, expected an image file"
    if not state.st_size:
        return f"{path} is empty (0 bytes), expected an image file"
    return None if os.access(path, os.R_OK) else f"{path} can't be read by this user"


def channel_problem(channels: Mapping[int, Path], count: int) -> str | None:
    """Say which of a case's channel files 0 to `count - 1` is missing, or which is one too many."""
    number, known = next(iter(channels.items()))
    whole = case_id_of(known.name)
    stem, ending = whole.removesuffix(f"_{number:04}"), known.name[len(whole) :]
    for channel in range(count):
        if channel not in channels:
            missing = known.with_name(f"{stem}_{channel:04}{ending}")
            return f"the channel {missing} is missing, expected {count} channels"
    surplus = max(channels)
    return f"{channels[surplus]} is one channel too many, expected {count}" if surplus >= count else None

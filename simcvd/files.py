"""Files that appear whole: written beside their place, then renamed into it."""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Final

MOST_NAME_BYTES: Final = 255
"""Of a file's or folder's name, on all common file systems."""
_MARKED_BYTES: Final = 48
"""What `replacing` adds to a name."""
FORGOTTEN_S: Final = 86_400.0
"""Whatever is unfinished for so long, no live process writes."""


def fitting_name(name: str, most: int = MOST_NAME_BYTES) -> str:
    """Return a name as a disk takes it: one of more than `most` bytes is cut, and ends with a hash of the whole.

    >>> fitting_name("a" * 300, most=20), fitting_name("dropout")
    ('aaaaaaa-9835fa6bf4e2', 'dropout')
    """
    if len(os.fsencode(name)) <= most:
        return name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
    return f"{_first(name, most - len(digest) - 1)}-{digest}"


@contextmanager
def replacing(path: Path, *, ending: str = "", durable: bool = True) -> Iterator[Path]:
    """Yield a path to write to; at the block's end that file takes the place of `path`, after an error it is gone.

    Its name begins with a dot, then `path`'s as far as it fits, and holds `.tmp-`, by which others pass over what a
    killed process leaves. It is new each time, since several machines may write the same file.

    Args:
        path: where the file appears; its folder is made.
        ending: of the partial file's name, where a format is chosen by it.
        durable: the file outlives a power cut, which costs a wait for the disk; false for what is soon written again.
    """
    make_folder(path.parent, durable=durable)
    shown = _first(path.name, MOST_NAME_BYTES - _MARKED_BYTES)
    partial = path.with_name(f".{shown}.tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}{ending}")
    try:
        yield partial
        if durable:
            _flush(partial)
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):  # storage that fails keeps it, and the error is on its way
            partial.unlink()
        raise
    if durable:
        _flush_folder(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder to fill; at the block's end it takes the place of `path`, after an error it is gone.

    What is in it outlives a power cut if it was written so. A folder at `path` moves aside first and goes last, so for
    an instant there is none. Names are as of `replacing`; what a kill left a day ago goes, too.

    Args:
        path: where the folder appears; the one above it is made.
    """
    make_folder(path.parent)
    shown = _first(path.name, MOST_NAME_BYTES - _MARKED_BYTES)
    for left in path.parent.iterdir():
        with suppress(OSError):  # another one deletes it, too
            if left.name.startswith(f".{shown}.tmp-") and time.time() - left.stat().st_mtime > FORGOTTEN_S:
                shutil.rmtree(left)
    partial, aside = (path.with_name(f".{shown}.tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}") for _ in range(2))
    partial.mkdir()
    try:
        yield partial
        _flush_folder(partial)
        if path.exists():
            os.replace(path, aside)
        os.replace(partial, path)
    except BaseException:
        if aside.exists() and not path.exists():
            with suppress(OSError):
                os.replace(aside, path)
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _flush_folder(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def write_file(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a file that appears whole; `durable` as in `replacing`."""
    with replacing(path, durable=durable) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def partials(folder: Path) -> Iterator[Path]:
    """Find the unfinished files of `replacing` in a folder and its folders, whether or not a process writes them."""
    return folder.rglob(".*.tmp-*")


def forget_partials(folder: Path) -> None:
    """Delete what processes that were killed a day ago or earlier have left of the files of a folder and its folders.

    Not what is younger: other processes may be writing it.
    """
    for path in partials(folder):
        with suppress(OSError):  # another one deletes it, too
            if time.time() - path.stat().st_mtime > FORGOTTEN_S:
                path.unlink()


def make_folder(path: Path, *, durable: bool = True) -> None:
    """Make a folder where it is missing, and those above it; `durable` as in `replacing`."""
    new = list(takewhile(lambda folder: not folder.exists(), (path, *path.parents)))
    path.mkdir(parents=True, exist_ok=True)
    for folder in new if durable else ():
        _flush_folder(folder.parent)


def _first(name: str, most: int) -> str:
    """Return the first letters of a name, of at most so many bytes."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= most else encoded[:most].decode(errors="ignore")


def _flush_folder(path: Path) -> None:
    with suppress(OSError):  # some network file systems can't; what is in the folder is safe there
        _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

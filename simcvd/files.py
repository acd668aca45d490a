"""Files that appear whole: written beside their place, then renamed into it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path, *, ending: str = "", durable: bool = True) -> Iterator[Path]:
    """Yield a path to write to; at the block's end that file takes the place of `path`, after an error it is gone.

    Its name begins with a dot and holds `.tmp-`, by which others pass over what a killed process leaves. It is new each
    time, since several machines may write the same file.

    Args:
        path: where the file appears; its folder is made.
        ending: of the partial file's name, where a format is chosen by it.
        durable: the file outlives a power cut, which costs a wait for the disk; false for what is soon written again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}{ending}")
    try:
        yield partial
        if durable:
            _flush(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    if durable:
        with suppress(OSError):  # some network file systems can't flush a folder; the file's content is safe there
            _flush(path.parent)


def write_file(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a file that appears whole; `durable` as in `replacing`."""
    with replacing(path, durable=durable) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

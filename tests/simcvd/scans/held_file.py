"""A file that somebody else has open."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    """Open a file for writing in a process of its own, as a viewer or a crashed notebook does."""
    holder = f"import h5py; file = h5py.File({str(path)!r}, 'r+'); print('open', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    try:
        yield
    finally:
        process.communicate("\n")

"""A file that ends with the SHA-256 of all that stands before it, so that one file says by itself whether it is whole.

What reads a zip archive, as a checkpoint is one, passes over the seal.
"""

import hashlib
import os
import re
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

_MARK: Final = b"\nsimcvd sha256 "
_SEAL: Final = re.compile(re.escape(_MARK) + rb"([0-9a-f]{64})\n")
_SEAL_BYTES: Final = len(_MARK) + 64 + 1
_CHUNK_BYTES: Final = 2**20


class SealedWriter:
    """What writes to a binary file, and seals it at the end; the digest is computed as the content goes by.

    Args:
        file: open for writing, empty.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, content: bytes | memoryview) -> int:
        """Write; all of it goes into the digest."""
        self._digest.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    def seal(self) -> None:
        """Write the seal; what follows would break it."""
        self._file.write(_MARK + self._digest.hexdigest().encode() + b"\n")


def is_sealed_archive(path: Path) -> bool:
    """Tell whether a zip archive is what was written: by its seal, or, made by version 0.1 without one, by its CRCs.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        content_bytes = max(0, size - _SEAL_BYTES)
        file.seek(content_bytes)
        seal = _SEAL.fullmatch(file.read())
        if seal is None:
            return _has_right_sums(file)
        return _digest(file, content_bytes) == seal[1].decode()


def _digest(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of a file's first bytes."""
    total = hashlib.sha256()
    file.seek(0)
    while size and (chunk := file.read(min(size, _CHUNK_BYTES))):
        total.update(chunk)
        size -= len(chunk)
    return total.hexdigest()


def _has_right_sums(file: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except OSError:
        raise
    except Exception:  # a damaged header leads the reader to errors of any kind
        return False

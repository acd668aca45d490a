"""Whose fault it is that a scan can't be read, in one sentence: the file's, the system's, or that of what it holds."""

import errno
import math
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from simcvd.errors import UserError
from simcvd.host_memory import available_bytes
from simcvd.scans.volume import Array, Volume, spacing_of

DENSEST = 1032  # bytes that one byte of deflate can stand for, at most
_SINGLE = 4  # bytes of a number in single precision
_SMALL = 2**30  # bytes that any header may ask for
_LEAST_MM, _LARGEST_MM = 1e-4, 1e3
_LEAST_VOLUME = 1e-3  # of a voxel, over that of a box with its sides; rotations keep it at 1
_PIECE = 2**18
_BROKEN = (EOFError, ValueError, KeyError, TypeError, RuntimeError, OverflowError, zlib.error)


@contextmanager
def reading(path: Path, kind: str, *others: type[Exception]) -> Iterator[None]:
    """Turn whatever a reader throws at a file into one sentence.

    Args:
        path: the file.
        kind: what it should be, with its article.
        others: exceptions of the reader's library for a broken file.

    Raises:
        UserError: for whatever is raised inside.
    """
    broken: tuple[type[Exception], ...] = (*_BROKEN, *others)
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(system_refusal(path, error) or f"{path} does not exist; expected {kind}.") from error
    except OSError as error:
        raise UserError(system_refusal(path, error) or _broken(path, kind, error)) from error
    except MemoryError as error:
        raise UserError(f"{path} needs more memory than there is; read it on a larger machine.") from error
    except broken as error:
        raise UserError(_broken(path, kind, error)) from error


def system_refusal(path: Path, error: OSError) -> str | None:
    """Say why the system does not hand a file out; none where the file is missing or its content is at fault."""
    if isinstance(error, FileNotFoundError):
        if not path.is_symlink():
            return None
        return f"{path} is a link to nothing ({os.readlink(path)}); bring that file back, or remove the link."
    if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK) or "already open for" in str(error):
        return f"{path} is in use, another program has it open for writing; close it there and try again."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path} may not be read by this user; change its permissions, or ask its owner to."
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{path} can't be opened, too many files are; raise `ulimit -n`."
    if error.errno == errno.EISDIR:
        return f"{path} is a folder, expected a file."
    if "unable to lock" in str(error):
        return f"{path} lies where files can't be locked; set HDF5_USE_FILE_LOCKING=FALSE if no program writes to it."
    if error.errno is not None:
        reason = os.strerror(error.errno)
        return f"{path} can't be read ({reason}); see to its disk or its network, and try again."
    return None


def refusal(path: Path, found: str, advice: str) -> UserError:
    """Return the error for a file that is whole but of no use here."""
    return UserError(f"{path} can't be used: {found}; {advice}.")


def damage(path: Path, found: str) -> UserError:
    """Return the error for a file whose content changed since it was written."""
    return UserError(f"{path} is damaged: {found}; copy it anew.")


def check_size(
    path: Path, shape: Sequence[int], itemsize: int, *, holder: Path | None = None, held: int | None = None
) -> None:
    """Refuse a header that asks for more voxels than the file can hold, or than this machine's memory can.

    Args:
        path: the scan.
        shape: voxels along each axis, channels among them.
        itemsize: bytes of one number.
        holder: the file with the voxels, where that is another.
        held: bytes of voxels that it can hold at most; none where they are compressed, then what packs densest says.

    Raises:
        UserError: before memory is taken.
        EOFError: more than `held`.
    """
    asked = math.prod(map(int, shape)) * itemsize
    if held is not None and asked > held:
        raise EOFError(f"its header says {asked} bytes and it has {held}")
    if held is None and asked > max(DENSEST * (holder or path).stat().st_size, _SMALL):
        raise damage(path, f"its header says {times(shape)} voxels, {asked:.3g} bytes, more than the file can hold")
    check_memory(path, shape, itemsize)


def check_memory(path: Path, shape: Sequence[int], itemsize: int = 1) -> None:
    """Refuse a scan whose voxels, as they are or in single precision, do not fit into the memory that is free.

    Raises:
        UserError: before memory is taken.
    """
    asked, free = math.prod(map(int, shape)) * max(itemsize, _SINGLE), available_bytes()
    if free is not None and asked > free:
        found = f"its header says {times(shape)} voxels, for which {asked / 1e9:.3g} GB of memory are needed and "
        raise refusal(path, f"{found}{free / 1e9:.3g} GB are free", "read it on a larger machine if that is true")


def gunzip(path: Path) -> Iterator[bytes]:
    """Yield what a gzip file holds, piece by piece; its checksums are compared.

    Raises:
        UserError: a checksum that does not fit, or bytes behind the end.
        EOFError: the file ends too early.
    """
    decoder = None
    members = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            while piece:
                if decoder is None:
                    piece = piece.lstrip(b"\0") if members else piece  # padding
                    decoder = zlib.decompressobj(wbits=31) if piece else None
                    continue
                try:
                    yield decoder.decompress(piece)
                except zlib.error as error:
                    if members:
                        raise damage(path, "bytes follow the end of its compressed content") from error
                    reason = str(error).rpartition(": ")[2]
                    raise damage(path, f"its content does not fit its checksum ({reason})") from error
                piece = decoder.unused_data
                if decoder.eof:
                    decoder, members = None, members + 1
    if decoder is not None or not members:
        raise EOFError("it ends too early")


def volume_at(path: Path, array: Array, affine: Array, *, located: bool = True) -> Volume:
    """Return the volume of a file.

    Raises:
        UserError: an affine that gives no sound voxels.
    """
    try:
        spacing = spacing_of(affine)
    except UserError as error:
        raise refusal(path, str(error), "correct its header") from error
    if not (min(spacing) >= _LEAST_MM and max(spacing) <= _LARGEST_MM):
        expected = f"expected {_LEAST_MM:g} to {_LARGEST_MM:g} mm"
        raise refusal(path, f"its voxel size is {times(spacing)} mm, {expected}", "correct its header")
    if abs(np.linalg.det(affine[:3, :3])) < _LEAST_VOLUME * np.prod(spacing):
        raise refusal(path, "its three axes lie in one plane", "correct the directions in its header")
    return Volume(array, affine, spacing, located)


def times(sides: Sequence[float]) -> str:
    """Return sides as a person writes them, e.g. `1.3 x 1.3 x 10`."""
    return " x ".join(f"{side:.4g}" if isinstance(side, float) else str(side) for side in sides)


def _broken(path: Path, kind: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    reason = re.split(r"itk::ERROR: |ITK ERROR: |\[nrrd\] ", reason)[-1]  # the innermost cause comes last
    reason = re.sub(r"^(\w+\(0x[0-9a-f]+\)|_nrrd\w+): ", "", reason).rstrip(". ") or type(error).__name__
    if reason.startswith("File cannot be read"):  # of MetaImage, with its path and "Reason: Success"
        reason = "its header or its voxels are not complete"
    return f"{path} is truncated or not {kind}: {reason[:200]}."

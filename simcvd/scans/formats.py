"""Which files can hold a scan: one table of endings."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simcvd.errors import UserError
from simcvd.scans.hdf5 import read_hdf5
from simcvd.scans.itk import read_metaimage, read_nrrd
from simcvd.scans.nifti import read_nifti
from simcvd.scans.volume import Volume

Format = Literal["nifti", "nrrd", "metaimage", "hdf5"]


@dataclass(frozen=True)
class _Reader:
    format: Format
    read: Callable[[Path], Volume]


_NIFTI = _Reader("nifti", read_nifti)
_NRRD = _Reader("nrrd", read_nrrd)
_METAIMAGE = _Reader("metaimage", read_metaimage)
_HDF5 = _Reader("hdf5", read_hdf5)
_READERS = {
    ".nii": _NIFTI,
    ".nii.gz": _NIFTI,
    ".nrrd": _NRRD,
    ".nhdr": _NRRD,
    ".mha": _METAIMAGE,
    ".mhd": _METAIMAGE,
    ".h5": _HDF5,
    ".hdf5": _HDF5,
}

SCAN_ENDINGS = tuple(_READERS)
LOCATED_ENDINGS = tuple(ending for ending, reader in _READERS.items() if reader is not _HDF5)
"""Of images and labels that say where their voxels are, which HDF5 does not."""

_CHANNEL = re.compile(r"(.+)_(\d{4})")


def scan_ending(path: Path) -> str | None:
    """Return the ending that says a file's format, in lower case; none if it is no scan by its name."""
    return next((ending for ending in SCAN_ENDINGS if path.name.lower().endswith(ending)), None)


def split_channel(stem: str) -> tuple[str, int] | None:
    """Return the case and the channel that a name of nnU-Net stands for; none for other names.

    >>> split_channel("case_0001"), split_channel("case_1")
    (('case', 1), None)
    """
    found = _CHANNEL.fullmatch(stem)
    return (found[1], int(found[2])) if found else None


def scan_format(path: Path) -> Format:
    """Tell a file's format by its name.

    Raises:
        UserError: a format that is not read here.
    """
    return _reader(path).format


def read_scan(path: Path) -> Volume:
    """Read a scan of any format; of HDF5 the data set `image`, with voxels of 1 mm.

    Raises:
        UserError: another format, or a file that can't be read.
    """
    return _reader(path).read(path)


def _reader(path: Path) -> _Reader:
    if (ending := scan_ending(path)) is not None:
        return _READERS[ending]
    raise UserError(f"{path} is of no format that can be read as a scan; expected {', '.join(SCAN_ENDINGS)}.")

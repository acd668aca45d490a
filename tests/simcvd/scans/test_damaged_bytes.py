"""Bytes that change on a disk or a network: a scan comes out, or one sentence."""

import random
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from simcvd.errors import UserError
from simcvd.scans.formats import read_scan
from simcvd.scans.volume import Volume
from tests.simcvd.scans.scan_files import VOXELS, itk, nifti

VARIANTS = 120


def _hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=VOXELS, compression="gzip")
    return path


FILES: dict[str, tuple[Callable[[Path], Path], int]] = {
    "a.nii": (nifti, 352),
    "a.nii.gz": (nifti, 2000),
    "a.nrrd": (itk, 330),
    "a.mha": (lambda path: itk(path, packed=True), 2000),
    "a.h5": (_hdf5, 4000),
}


def _spoil(content: bytes, reach: int, draw: random.Random) -> bytes:
    """Change some of the first bytes, and now and then lose or add a few, or the end."""
    spoiled = bytearray(content)
    reach = min(reach, len(spoiled))
    for _ in range(draw.choice([1, 1, 2, 4, 16])):
        at = draw.randrange(reach)
        spoiled[at] = draw.choice([0, 255, spoiled[at] ^ (1 << draw.randrange(8)), ord(draw.choice("0123456789-. e"))])
    kind = draw.random()
    if kind < 0.1:
        del spoiled[draw.randrange(len(spoiled)) :]
    elif kind < 0.2:
        at = draw.randrange(reach)
        spoiled[at : at + draw.randrange(8)] = bytes(draw.randrange(256) for _ in range(draw.randrange(8)))
    return bytes(spoiled)


@pytest.mark.parametrize("name", FILES)
def test_a_spoiled_file_is_read_or_told_in_one_sentence(name: str, tmp_path: Path) -> None:
    make, reach = FILES[name]
    path = make(tmp_path / name)
    sound = path.read_bytes()
    draw = random.Random(name)
    told: list[str] = []
    for _ in range(VARIANTS):
        path.write_bytes(_spoil(sound, reach, draw))
        try:
            volume = read_scan(path)
        except UserError as error:
            told.append(str(error))
        else:
            assert isinstance(volume, Volume)
            volume.array.tobytes()
    assert len(told) > VARIANTS // 5

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.hdf5 import hdf5_holds, read_hdf5
from tests.simcvd.foreign_hdf5 import WAYS, foreign
from tests.simcvd.scans.held_file import held_by_another_process
from tests.simcvd.scans.scan_files import VOXELS


def scan(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["image"] = VOXELS
    return path


def test_a_scan_takes_the_spacing_it_is_told_and_no_place(tmp_path: Path) -> None:
    volume = read_hdf5(scan(tmp_path / "a.h5"), "image", (0.625, 0.625, 0.5))
    np.testing.assert_array_equal(volume.array, VOXELS)
    assert volume.spacing_mm == (0.625, 0.625, 0.5)
    assert not volume.located
    assert not hdf5_holds(tmp_path / "a.h5", "label")


def test_channels_come_first(tmp_path: Path) -> None:
    stacked = np.stack([VOXELS, VOXELS + 1])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", data=stacked, compression="gzip", chunks=(1, 2, 2, 2))
    volume = read_hdf5(tmp_path / "a.h5")
    np.testing.assert_array_equal(volume.array, stacked)
    assert volume.shape == VOXELS.shape


def test_a_file_that_another_process_writes_is_in_use_and_not_broken(tmp_path: Path) -> None:
    path = scan(tmp_path / "a.h5")
    with held_by_another_process(path), pytest.raises(UserError, match=r"a\.h5 is in use, another program has it open"):
        read_hdf5(path)
    np.testing.assert_array_equal(read_hdf5(path).array, VOXELS)


def test_a_file_that_claims_terabytes_takes_no_memory(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", (20000, 20000, 20000), np.float32, chunks=(64, 64, 64))
    told = "its header says 20000 x 20000 x 20000 voxels, 3.2e+13 bytes, more than the file can hold"
    with pytest.raises(UserError, match=re.escape(told)):
        read_hdf5(tmp_path / "a.h5")


def test_a_link_that_leads_nowhere_is_told_as_a_link(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = h5py.SoftLink("/elsewhere")
    with pytest.raises(UserError, match="can't be used: its 'image' is a link; store the voxels in the file itself"):
        read_hdf5(tmp_path / "a.h5")


def test_voxels_that_were_never_written_are_not_made_up(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", (900, 900, 900), np.float32)
    with pytest.raises(UserError, match="its header says 2916000000 bytes and it has 0"):
        read_hdf5(tmp_path / "a.h5")


@pytest.mark.parametrize("way", WAYS)
def test_voxels_of_another_file_of_the_machine_are_refused(way: str, tmp_path: Path) -> None:
    foreign(tmp_path / "a.h5", "image", way)
    told = r"a\.h5 can't be used: its 'image' .*; store the voxels in the file itself\."
    with pytest.raises(UserError, match=told):
        read_hdf5(tmp_path / "a.h5")
    with pytest.raises(UserError, match=told):
        hdf5_holds(tmp_path / "a.h5", "image")

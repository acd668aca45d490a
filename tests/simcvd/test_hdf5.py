import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from simcvd.errors import DataError
from simcvd.hdf5 import held
from tests.simcvd.foreign_hdf5 import SECRET, WAYS, foreign


@pytest.mark.parametrize("way", WAYS)
def test_h5py_itself_hands_out_what_is_refused(way: str, tmp_path: Path) -> None:
    foreign(tmp_path / "a.h5", "image", way)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["image"][:].tobytes() == SECRET
        with pytest.raises(DataError, match=r"a\.h5 can't be used: its 'image' (is a link|has its voxels|is put tog)"):
            held(file, "image")


def test_what_a_file_holds_itself_is_returned(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["flat"] = np.arange(4)
        file.create_dataset("packed", data=np.arange(4), chunks=(2,), compression="gzip")
        file["group/inside"] = 1
        file["same"] = file["flat"]
    with h5py.File(tmp_path / "a.h5") as file:
        assert [held(file, name)[:].tolist() for name in ("flat", "packed", "same")] == [[0, 1, 2, 3]] * 3
        assert isinstance(held(file, "group"), h5py.Group)
        assert held(file, "nothing") is None


@pytest.mark.parametrize("name", ["group/inside", "./flat", "/flat", "."])
def test_a_path_is_no_name_since_a_part_of_it_may_be_a_link(name: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/inside"] = file["flat"] = 1
        with pytest.raises(DataError, match="is no name at its top"):
            held(file, name)


def test_the_other_file_is_not_even_opened(tmp_path: Path) -> None:
    """An external link to a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = h5py.ExternalLink(str(tmp_path / "pipe"), "image")
        with pytest.raises(DataError, match="is a link"):
            held(file, "image")

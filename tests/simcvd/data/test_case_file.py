import errno
from pathlib import Path

import h5py
import numpy as np
import pytest

from simcvd.data.case_file import OnScan
from simcvd.data.store import (
    Grid,
    case_digest,
    case_path,
    has_label,
    open_case,
    write_case,
)
from simcvd.errors import DataError, UserError
from tests.simcvd.data.tiny_store import SHAPE, label_of, make
from tests.simcvd.foreign_hdf5 import WAYS, foreign
from tests.simcvd.scans.held_file import held_by_another_process


def test_case_comes_back_as_it_was_written(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    affine = np.diag([1.0, 2, 3, 1])
    digest = write_case(tmp_path, "a", image, label_of(0), Grid((1, 2, 3), affine, (20, 20, 20), (1, 2, 3)), classes=2)
    case = open_case(tmp_path, "a", with_label=True)
    np.testing.assert_array_equal(case.image, image[None])
    assert case.label is not None
    assert case.sdm is not None
    np.testing.assert_array_equal(case.label, label_of(0))
    assert case.sdm.shape == (2, *SHAPE)
    assert (case.sdm.dtype, case.label.dtype, case.image.dtype) == (np.float16, np.uint8, np.float32)
    assert (case.sdm[1] == 1).all()  # an absent class
    assert (case.spacing_mm, case.original_shape, case.crop_start) == ((1, 2, 3), (20, 20, 20), (1, 2, 3))
    np.testing.assert_array_equal(case.affine, affine)
    assert case_digest(tmp_path, "a") == digest


def test_several_channels_keep_their_axis(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    write_case(tmp_path, "a", image, None, Grid((1, 1, 1), np.eye(4), SHAPE), classes=1)
    np.testing.assert_array_equal(open_case(tmp_path, "a", with_label=True).image, image)


def test_case_is_a_read_only_memory_map_without_copies(tmp_path: Path) -> None:
    make(tmp_path)
    case = open_case(tmp_path, "a", with_label=True)
    for array in (case.image, case.label, case.sdm):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_truncated_and_foreign_case_files_are_told(tmp_path: Path) -> None:
    make(tmp_path)
    path = case_path(tmp_path, "a")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(UserError, match=r"a\.h5 is truncated or no case file"):
        open_case(tmp_path, "a", with_label=True)
    path.write_text("something else")
    with pytest.raises(UserError, match=r"a\.h5 is truncated or no case file"):
        open_case(tmp_path, "a", with_label=False)
    path.unlink()
    with pytest.raises(UserError, match=r"a\.h5 is missing"):
        open_case(tmp_path, "a", with_label=False)


def test_a_flipped_bit_in_what_describes_the_arrays_is_told_or_changes_the_digest_or_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    path = case_path(tmp_path, "a")
    content = path.read_bytes()
    digest = case_digest(tmp_path, "a")
    start = content.index(b"affine\0") - 8  # the header of an attribute: its version, sizes, name, kind and shape
    told = []
    for place in range(start, start + 48):
        harmed = bytearray(content)
        harmed[place] ^= 0x40
        path.write_bytes(harmed)
        try:
            assert len(case_digest(tmp_path, "a")) == len(digest)
        except DataError as error:
            told.append(str(error))
    assert len(told) > 24
    assert all("is truncated or no case file" in sentence for sentence in told)


def test_a_resampled_case_holds_the_scans_own_label(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    own = np.zeros((9, 8, 7), np.uint8)
    own[2:5, 3:6, 1:4] = 2
    grid = Grid((1, 1, 1), np.eye(4), SHAPE, on_scan=OnScan((0.5, 0.6, 2.0), own.shape, own))
    digest = write_case(tmp_path, "a", image, label_of(0), grid, classes=2)
    scan = open_case(tmp_path, "a", with_label=True).on_scan
    assert scan is not None
    assert scan.label is not None
    np.testing.assert_array_equal(scan.label, own)
    assert (scan.spacing_mm, scan.shape) == ((0.5, 0.6, 2.0), own.shape)
    assert case_digest(tmp_path, "a") == digest
    bare = open_case(tmp_path, "a", with_label=False).on_scan
    assert bare is not None
    assert bare.label is None
    own[0, 0, 0] = 1
    assert write_case(tmp_path, "b", image, label_of(0), grid, classes=2) != digest
    plain = Grid((1, 1, 1), np.eye(4), SHAPE)
    assert write_case(tmp_path, "c", image, label_of(0), plain, classes=2) != digest
    assert open_case(tmp_path, "c", with_label=True).on_scan is None


def test_a_case_file_that_another_process_writes_is_not_called_broken(tmp_path: Path) -> None:
    make(tmp_path)
    with held_by_another_process(case_path(tmp_path, "a")):
        with pytest.raises(DataError, match=r"a\.h5 is in use, another program has it open for writing") as caught:
            open_case(tmp_path, "a", with_label=True)
        assert "delete" not in str(caught.value)
    assert open_case(tmp_path, "a", with_label=True).label is not None


def test_a_case_file_that_this_user_may_not_read_is_not_called_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Unable to synchronously open file (unable to open file: errno = 13)")

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(DataError, match=r"a\.h5 may not be read by this user; change its permissions"):
        open_case(tmp_path, "a", with_label=True)


def test_a_link_to_a_case_file_that_is_gone_is_told(tmp_path: Path) -> None:
    make(tmp_path)
    path = case_path(tmp_path, "a")
    path.unlink()
    path.symlink_to("elsewhere.h5")
    with pytest.raises(DataError, match=r"a\.h5 is a link to nothing \(elsewhere\.h5\)"):
        open_case(tmp_path, "a", with_label=False)


def test_an_id_that_leads_out_of_the_folder_has_no_path(tmp_path: Path) -> None:
    make(tmp_path / "set")
    (tmp_path / "set/cases/a.h5").rename(tmp_path / "a.h5")
    for case_id in ("../../a", str(tmp_path / "a")):
        with pytest.raises(DataError, match="can't have a file: its id "):
            open_case(tmp_path / "set", case_id, with_label=False)
        with pytest.raises(DataError, match="can't have a file: its id "):
            write_case(tmp_path / "set", case_id, np.ones(SHAPE), None, Grid((1, 1, 1), np.eye(4), SHAPE), classes=1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["image", "label", "sdm"])
def test_a_case_file_holds_its_arrays_itself(name: str, way: str, tmp_path: Path) -> None:
    make(tmp_path)
    path = case_path(tmp_path, "a")
    foreign(path.with_name("b.h5"), name, way)
    with h5py.File(path, "a") as file, h5py.File(path.with_name("b.h5")) as other:
        del file[name]
        if way == "external storage" or way == "virtual data set":
            other.copy(name, file)
        else:
            for link in other:
                file[link] = other.get(link, getlink=True)
    with pytest.raises(DataError, match=rf"a\.h5 can't be used: its '{name}' .*; store the voxels in the file itself"):
        open_case(tmp_path, "a", with_label=True)
    if name == "label":
        with pytest.raises(DataError, match="store the voxels in the file itself"):
            has_label(tmp_path, "a")

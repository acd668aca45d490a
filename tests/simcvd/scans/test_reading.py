import errno
import gzip
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.formats import read_scan
from simcvd.scans.reading import check_size, gunzip, reading, system_refusal, volume_at
from tests.simcvd.scans.scan_files import VOXELS, edit, itk, nifti

SYSTEM = [
    (PermissionError(errno.EACCES, "denied"), "may not be read by this user; change its permissions, or ask its owner"),
    (BlockingIOError(errno.EAGAIN, "unable to lock file"), "is in use, another program has it open for writing"),
    (OSError("file is already open for write"), "is in use, another program has it open for writing"),
    (OSError(errno.ENOLCK, "unable to lock file"), "lies where files can't be locked; set HDF5_USE_FILE_LOCKING=FALSE"),
    (OSError(errno.EMFILE, "too many"), "can't be opened, too many files are; raise `ulimit -n`"),
    (OSError(errno.EIO, "bad"), r"can't be read \(Input/output error\); see to its disk or its network"),
    (OSError(errno.ESTALE, "gone"), r"can't be read \(Stale file handle\); see to its disk or its network"),
]


@pytest.mark.parametrize(("error", "told"), SYSTEM)
def test_what_the_system_refuses_is_not_the_files_fault(error: OSError, told: str) -> None:
    with pytest.raises(UserError, match=f"^a.nii {told}") as caught, reading(Path("a.nii"), "a NIfTI image"):
        raise error
    assert "truncated" not in str(caught.value)


def test_a_file_with_wrong_content_is_no_refusal_of_the_system() -> None:
    assert system_refusal(Path("a.h5"), OSError("file signature not found")) is None


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_a_scan_that_this_user_may_not_read_is_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = nifti(tmp_path / name) if "nii" in name else itk(tmp_path / name)

    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match="may not be read by this user; change its permissions"):
        read_scan(path)


def test_a_scan_beyond_memory_is_told() -> None:
    with (
        pytest.raises(UserError, match=r"a\.nii needs more memory"),
        reading(Path("a.nii"), "a NIfTI image"),
    ):
        raise MemoryError


def test_other_errors_are_not_hidden_behind_a_sentence() -> None:
    with pytest.raises(AttributeError), reading(Path("a.nii"), "a NIfTI image"):
        raise AttributeError


def test_gzip_is_unpacked_across_pieces_and_members(tmp_path: Path) -> None:
    content = np.random.default_rng(0).integers(0, 256, 700_000, np.uint8).tobytes() + bytes(3_000_000)
    packed = gzip.compress(content[:300_000]) + gzip.compress(content[300_000:]) + bytes(5000)
    (tmp_path / "a.gz").write_bytes(packed)
    assert b"".join(gunzip(tmp_path / "a.gz")) == content
    (tmp_path / "a.gz").write_bytes(packed[:-5020])
    with pytest.raises(EOFError):
        list(gunzip(tmp_path / "a.gz"))


def test_sizes_that_deflate_can_reach_pass_and_others_do_not(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(bytes(2_000_000))
    check_size(path, (1000, 1000, 1000), 2)
    with pytest.raises(UserError, match=r"2\.1e\+09 bytes, more than the file can hold"):
        check_size(path, (1000, 1000, 1050), 2)


@pytest.mark.parametrize("size", [1e-30, 1e5, 0.0, float("nan")])
def test_a_voxel_size_that_no_scanner_has_is_refused(size: float) -> None:
    with pytest.raises(UserError, match=r"a\.mha can't be used: .*voxel size is .* expected"):
        volume_at(Path("a.mha"), VOXELS, np.diag([1, size, 1, 1]))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.h5"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_scan_of_more_voxels_than_memory_is_told_before_memory_is_taken(
    name: str, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if "nii" in name:
        nifti(path)
    elif name == "a.h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=VOXELS, compression="gzip" if packed else None)
    else:
        itk(path, packed=packed)
    needed = VOXELS.size * 4  # in single precision
    monkeypatch.setattr("simcvd.scans.reading.available_bytes", lambda: needed)
    np.testing.assert_array_equal(read_scan(path).array, VOXELS)
    monkeypatch.setattr("simcvd.scans.reading.available_bytes", lambda: needed - 1)
    found = "4 x 5 x 6( x 1)? voxels, for which 4.8e-07 GB of memory are needed and 4.79e-07 GB are free"
    with pytest.raises(UserError, match=f"its header says {found}; read it on a larger machine if that is true"):
        read_scan(path)
    monkeypatch.setattr("simcvd.scans.reading.available_bytes", lambda: None)  # where nothing says it
    read_scan(path)


LARGER: list[tuple[str, bytes, bytes]] = [
    ("a.nrrd", b"sizes: 4 5 6", b"sizes: 4 5 60000"),
    ("a.nhdr", b"sizes: 4 5 6", b"sizes: 4 5 60000"),
    ("a.mha", b"DimSize = 4 5 6", b"DimSize = 4 5 60000"),
    ("a.mhd", b"DimSize = 4 5 6", b"DimSize = 4 5 60000"),
]


@pytest.mark.parametrize(("name", "old", "new"), LARGER)
def test_plain_voxels_are_as_many_as_the_file_holds(name: str, old: bytes, new: bytes, tmp_path: Path) -> None:
    path = edit(itk(tmp_path / name), old, new)
    with pytest.raises(UserError, match=r"is truncated or not .*: its header says 2400000 bytes and it has \d+\."):
        read_scan(path)


@pytest.mark.parametrize(("name", "old", "new"), LARGER)
def test_packed_voxels_are_as_many_as_could_be_packed(name: str, old: bytes, new: bytes, tmp_path: Path) -> None:
    path = edit(itk(tmp_path / name, packed=True), old, new.replace(b"60000", b"60000000"))
    with pytest.raises(UserError, match=r"60000000( x 1)? voxels, 2\.4e\+09 bytes, more than the file can hold"):
        read_scan(path)

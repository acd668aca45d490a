import errno
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.formats import read_scan
from simcvd.scans.reading import check_size, gunzip, reading, system_refusal, volume_at
from tests.simcvd.scans.scan_files import VOXELS, itk, nifti

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

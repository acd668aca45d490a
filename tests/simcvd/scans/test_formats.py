from pathlib import Path

import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.formats import SCAN_ENDINGS, read_scan, scan_ending, scan_format
from tests.simcvd.scans.scan_files import VOXELS, itk, nifti


@pytest.mark.parametrize(
    ("name", "ending", "expected"),
    [
        ("a.nii", ".nii", "nifti"),
        ("a.b.NII.GZ", ".nii.gz", "nifti"),
        ("a.nrrd", ".nrrd", "nrrd"),
        ("a.nhdr", ".nhdr", "nrrd"),
        ("a.mha", ".mha", "metaimage"),
        ("a.MHD", ".mhd", "metaimage"),
        ("a.h5", ".h5", "hdf5"),
        ("a.hdf5", ".hdf5", "hdf5"),
    ],
)
def test_a_format_is_told_by_its_ending(name: str, ending: str, expected: str) -> None:
    assert scan_ending(Path(name)) == ending
    assert ending in SCAN_ENDINGS
    assert scan_format(Path(name)) == expected


@pytest.mark.parametrize("name", ["a.dcm", "a.nii.zip", "nii", "a.raw", "a.gz"])
def test_another_ending_is_no_scan(name: str) -> None:
    assert scan_ending(Path(name)) is None
    with pytest.raises(UserError, match=r"of no format that can be read as a scan; expected \.nii, \.nii\.gz, \.nrrd"):
        scan_format(Path(name))


def test_any_scan_is_read_by_its_formats_reader(tmp_path: Path) -> None:
    for path in (nifti(tmp_path / "a.nii.gz"), itk(tmp_path / "a.nrrd"), itk(tmp_path / "a.mhd")):
        np.testing.assert_array_equal(read_scan(path).array, VOXELS)

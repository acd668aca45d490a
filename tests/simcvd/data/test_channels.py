from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from simcvd.data.channels import read_channels
from simcvd.errors import UserError

FIRST, SECOND = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)


def save(path: Path, array: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]", shift: float = 0) -> Path:
    affine = np.eye(4)
    affine[0, 3] = shift
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def test_channels_come_from_one_file_or_from_one_each(tmp_path: Path) -> None:
    one, other = save(tmp_path / "a_0000.nii", FIRST), save(tmp_path / "a_0001.nii", SECOND)
    both = save(tmp_path / "b.nii", np.stack([FIRST, SECOND], axis=-1))
    np.testing.assert_array_equal(read_channels([one, other]).array, np.stack([FIRST, SECOND]))
    np.testing.assert_array_equal(read_channels([both]).channels, np.stack([FIRST, SECOND]))
    np.testing.assert_array_equal(read_channels([one]).channels, FIRST[np.newaxis])


def test_channels_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    one, moved = save(tmp_path / "a_0000.nii", FIRST), save(tmp_path / "a_0001.nii", SECOND, shift=2)
    both = save(tmp_path / "b_0000.nii", np.stack([FIRST, SECOND], axis=-1))
    with pytest.raises(UserError, match=r"a_0001\.nii differ by up to 2 mm"):
        read_channels([one, moved])
    with pytest.raises(UserError, match=r"b_0000\.nii holds 2 channels, expected one, since each has a file"):
        read_channels([both, one])

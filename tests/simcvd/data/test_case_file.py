from pathlib import Path

import numpy as np
import pytest

from simcvd.data.store import (
    Grid,
    case_digest,
    case_path,
    open_case,
    write_case,
)
from simcvd.errors import UserError
from tests.simcvd.data.tiny_store import SHAPE, label_of, make


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

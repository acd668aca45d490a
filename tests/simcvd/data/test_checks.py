from pathlib import Path

import numpy as np
import pytest

from simcvd.data.checks import check_image, check_same_grid, crop_notice
from simcvd.data.store import open_info
from simcvd.errors import UserError
from simcvd.scans.volume import Volume
from tests.simcvd.data.preparation.tiny_folder import Nifti, run


def test_crop_beyond_every_case_is_told(nifti: Nifti, tmp_path: Path) -> None:
    run(nifti(), tmp_path / "dataset")
    info = open_info(tmp_path / "dataset")
    assert crop_notice(info, (12, 14, 10)) is None
    told = crop_notice(info, (16, 14, 16))
    assert told is not None
    assert "exceeds every training case along X and Z (the largest sides are 12 x 14 x 10)" in told
    grown = info.model_copy(update={"shapes": info.shapes | {info.train_order[0]: (16, 14, 16)}})
    assert crop_notice(grown, (16, 14, 16)) is None
    assert crop_notice(grown, (16, 14, 16), info.train_order[1:]) == told, "where the large one is held out"


SCAN = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("voxels", "told"),
    [
        ([np.nan, np.inf, -np.inf], "3 voxels of the image are NaN or infinite, expected finite numbers"),
        ([1e38], r"the image holds -.* to 1e\+38, expected numbers within single precision"),
        ([-1e300], r"the image holds -1e\+300 to .*, expected numbers within single precision"),
    ],
)
def test_an_image_of_numbers_that_no_network_takes_is_refused(voxels: list[float], told: str) -> None:
    image = SCAN.astype(np.float64)
    image.flat[: len(voxels)] = voxels
    with pytest.raises(UserError, match=f"^{told}$"):
        check_image(image)


def test_the_channel_that_is_constant_or_missing_is_named() -> None:
    check_image(np.concatenate([SCAN, SCAN]), channels=2)
    with pytest.raises(UserError, match="channel 1 of the image is constant"):
        check_image(np.concatenate([SCAN, SCAN * 0]))
    with pytest.raises(UserError, match="the image has 1 channels, expected 2"):
        check_image(SCAN, channels=2)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.uint64, np.float64])
def test_an_image_of_any_numbers_passes(dtype: type) -> None:
    check_image((SCAN > 0).astype(dtype))


def test_a_label_on_other_voxels_is_refused() -> None:
    image = Volume(SCAN[0], np.eye(4), (1, 1, 1))
    check_same_grid(image, Volume(SCAN[0] > 0, np.eye(4) + 0.01 / 6, (1, 1, 1)))
    for label, told in (
        (Volume(np.stack([SCAN[0], SCAN[0]]), np.eye(4), (1, 1, 1)), "the label has 2 channels, expected one number a"),
        (Volume(SCAN[0][1:], np.eye(4), (1, 1, 1)), "the label has shape 3 x 5 x 6, expected the image's 4 x 5 x 6"),
        (Volume(SCAN[0], np.diag([-1.0, 1, 1, 1]), (1, 1, 1)), "image and label differ by up to 8 mm, expected the"),
    ):
        with pytest.raises(UserError, match=told):
            check_same_grid(image, label)

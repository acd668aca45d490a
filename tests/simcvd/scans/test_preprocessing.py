import numpy as np
import pytest

from simcvd.errors import UserError
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.normalisation import Normalisation
from simcvd.scans.orientation import axis_codes, orient
from simcvd.scans.preprocessing import Preprocessing, in_box, same_spacing, to_grid, turned_label
from simcvd.scans.volume import Volume, spacing_of

AFFINE = np.array([[-0.9, 0.1, 0.0, 30.0], [0.1, 0.8, 0.0, 4.0], [0.0, 0.0, 2.0, 5.0], [0, 0, 0, 1]])
SIDES_MM = np.array(spacing_of(AFFINE))[:, None, None, None]
MIDDLE = np.array([18, 20, 9])[:, None, None, None]
BALL = (((np.indices((40, 36, 20)) - MIDDLE) * SIDES_MM) ** 2).sum(0) < 100
WANTED = Preprocessing(orientation="RAS", spacing_mm=(1.0, 1.0, 1.5))


def volume(array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> Volume:
    return Volume(array, AFFINE, spacing_of(AFFINE))


def test_copies_in_all_orientations_become_the_same_image_and_their_masks_lie_on_them() -> None:
    scan = volume(np.random.default_rng(0).normal(size=BALL.shape).astype(np.float32))
    first = to_grid(scan, WANTED)
    scores = np.random.default_rng(1).random((3, *first.image.shape[1:]), np.float32)
    mask = first.mask_on_file(scores)
    assert mask.shape == BALL.shape
    for codes in ("LPS", "SAR", "PIL"):
        copy, _ = orient(scan, codes)
        grid = to_grid(copy, WANTED)
        np.testing.assert_array_equal(grid.image, first.image)
        np.testing.assert_allclose(grid.affine, first.affine, atol=1e-9)
        on_copy = Volume(grid.mask_on_file(scores), copy.affine, copy.spacing_mm)
        back, _ = orient(on_copy, axis_codes(scan.affine))
        np.testing.assert_array_equal(back.array, mask)


def test_a_label_that_went_there_comes_back_on_the_files_own_voxels() -> None:
    label = volume(BALL.astype(np.uint8))
    grid = to_grid(volume(BALL.astype(np.float32)), WANTED)
    assert grid.resampled
    on_grid = grid.label(turned_label(label, WANTED))
    assert on_grid.shape == grid.image.shape[1:]
    scores = np.stack([on_grid == 0, on_grid == 1]).astype(np.float32)
    back = grid.mask_on_file(scores)
    assert back.shape == BALL.shape
    assert 2 * (back & BALL).sum() / (back.sum() + BALL.sum()) > 0.97
    # A point of the label lies at the same millimetres in both grids.
    both = ((BALL, AFFINE), (on_grid, grid.affine))
    centre = [np.argwhere(found).mean(0) @ affine[:3, :3].T + affine[:3, 3] for found, affine in both]
    np.testing.assert_allclose(*centre, atol=0.15)


def test_scans_of_the_wanted_voxels_are_left_alone() -> None:
    scan = volume(np.asfortranarray(BALL.astype(np.float32)))  # the order of NIfTI files
    grid = to_grid(scan, Preprocessing(spacing_mm=tuple(side * 1.0004 for side in scan.spacing_mm)))
    assert not grid.resampled
    assert np.shares_memory(grid.image, scan.array)


def test_a_background_of_exactly_0_stays_so_at_other_voxels() -> None:
    rng = np.random.default_rng(0)
    channels = [np.where(BALL, rng.normal(300, 20, BALL.shape), 0), np.where(BALL, 0, rng.normal(-90, 5, BALL.shape))]
    scan = volume(np.stack(channels).astype(np.float32))
    normalisation = Normalisation(kind="z_score_nonzero")
    grid = to_grid(scan, WANTED.model_copy(update={"normalisation": normalisation}))
    for channel, own in zip(grid.image, channels, strict=True):
        assert (channel == 0).mean() == pytest.approx((own == 0).mean(), abs=0.01)
    _, means, stds = normalisation.apply(grid.image)
    assert means == pytest.approx([300, -90], rel=0.03)
    assert stds[0] < 60
    assert stds[1] < 15


def test_voxels_outside_the_box_are_background() -> None:
    box = (slice(1, 3), slice(0, 2), slice(2, 4))
    maps = [np.full((2, 2, 2), 0.2, np.float32), np.full((2, 2, 2), 0.8, np.float32)]
    background, organ = in_box(maps, box, (4, 4, 4))
    assert background[box].max() == np.float32(0.2)
    assert background.sum() == pytest.approx(56 + 8 * 0.2)
    assert organ.sum() == pytest.approx(8 * 0.8)


def test_an_absurd_number_of_voxels_is_refused() -> None:
    with pytest.raises(UserError, match="expected fewer; choose a larger spacing"):
        to_grid(volume(BALL.astype(np.float32)), Preprocessing(spacing_mm=(0.01, 0.01, 0.01)))


def test_headers_round_voxel_sizes() -> None:
    assert same_spacing((0.7, 0.7, 2.5), (0.7000001, 0.69999, 2.5))
    assert not same_spacing((0.7, 0.7, 2.5), (0.702, 0.7, 2.5))


def test_a_crop_is_a_margin_around_the_label_cut_at_the_border() -> None:
    label = np.zeros((300, 300, 5), np.uint8)
    label[100:240, 150:160] = 1
    crop = LabelCrop(margin_vox=(15, 15, None), least_vox=(112, 112, 0))
    assert crop.box(label) == (slice(85, 255), slice(84, 226), slice(0, 5))
    assert crop.box(label * 0) == (slice(0, 300), slice(0, 300), slice(0, 5))
    assert LabelCrop.model_validate_json(crop.model_dump_json()) == crop

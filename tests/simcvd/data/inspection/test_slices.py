import io
import re

import numpy as np
import pytest
from PIL import Image

from simcvd.data.dataset_info import DatasetInfo, ScanFacts
from simcvd.data.inspection.slices import MOST_BYTES, MOST_PIXELS, case_slice, outline
from simcvd.data.store import Grid, Origin, Splits, build_info, write_case


def made(folder, arrays, affine=None, spacing=(1, 1, 1), located=True, classes=2) -> DatasetInfo:
    """Write cases of (image, label or none); the first is labelled training, the others are unlabelled training."""
    affine = np.diag([*spacing, 1.0]) if affine is None else affine
    ids = "abcdef"[: len(arrays)]
    digests = {
        case_id: write_case(folder, case_id, image, label, Grid(spacing, affine, image.shape), classes=classes)
        for case_id, (image, label) in zip(ids, arrays, strict=True)
    }
    scan = ScanFacts(orientation="RAS" if located else None, spacing_mm=spacing, shape=arrays[0][0].shape)
    return build_info(
        folder,
        name="made",
        channels=("MR",),
        classes=[f"class_{k}" for k in range(classes)],
        splits=Splits(train_labeled=(ids[0],), train_unlabeled=tuple(ids[1:])),
        train_order=tuple(ids),
        digests=digests,
        origin=Origin("test", scans=dict.fromkeys(ids, scan)),
    )


def pixels(own):
    return np.asarray(Image.open(io.BytesIO(own.picture)).convert("L"))


def filled(path, rows, columns):
    """Fill a path that runs along pixel edges, by the even-odd rule."""
    crossings = np.zeros((rows, columns + 1), int)
    for x, y, length in re.findall(r"M(\d+) (\d+)v(\d+)", path):
        crossings[int(y) : int(y) + int(length), int(x)] += 1
    return (np.cumsum(crossings, axis=1)[:, :columns] % 2).astype(bool)


@pytest.fixture
def marked():
    """A scan whose right front upper corner is bright, and a label that is largest in slice 7."""
    image = np.random.default_rng(0).normal(size=(20, 30, 10)).astype(np.float32)
    image[15:, 24:, :] += 20
    label = np.zeros(image.shape, np.uint8)
    label[4:6, 4:6, 3] = 1
    label[3:9, 5:11, 7] = 1
    label[9:12, 5:11, 7] = 2
    return image, label


def test_outline_encloses_exactly_the_mask_by_its_upright_and_its_level_edges():
    mask = np.random.default_rng(0).random((17, 23)) > 0.5
    path = outline(mask)
    assert np.array_equal(filled(path, 17, 23), mask)
    level = re.sub(r"M(\d+) (\d+)v\d+", "", path)
    upright = re.sub(r"M(\d+) (\d+)h", r"M\2 \1v", level)
    assert np.array_equal(filled(upright, 23, 17), mask.T)
    assert outline(np.zeros((3, 3), bool)) == ""


def test_slice_of_a_labelled_case_is_the_one_with_the_largest_label(tmp_path, marked):
    own = case_slice(tmp_path, made(tmp_path, [marked]), "a")
    assert (own.number, own.of) == (8, 10)
    # The patient's right, high X, is at the left; the front, high Y, at the top.
    expected = marked[1][::-1, ::-1, 7].T
    assert [filled(path, own.rows, own.columns).tolist() for path in own.outlines] == [
        (expected == value).tolist() for value in (1, 2)
    ]
    grey = pixels(own)
    assert grey.shape == (30, 20)
    assert grey[:5, :4].mean() > 150 > 100 > grey[10:, 8:].mean()


def test_other_cases_show_their_middle_slice_without_label(tmp_path, marked):
    own = case_slice(tmp_path, made(tmp_path, [marked, marked]), "b")
    assert own.outlines == ()
    assert own.number == 6


def test_axes_that_point_elsewhere_are_turned_for_the_picture(tmp_path, marked):
    usual = case_slice(tmp_path / "one", made(tmp_path / "one", [marked], spacing=(1, 2, 3)), "a")
    turned = [np.ascontiguousarray(array.transpose(2, 0, 1)[:, ::-1]) for array in marked]
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = 3, -1, 2, 1
    other = case_slice(tmp_path / "other", made(tmp_path / "other", [turned], affine, (3, 1, 2)), "a")
    assert other == usual
    assert (usual.width_mm, usual.height_mm) == (20, 60)


def test_axes_of_unknown_direction_are_shown_as_they_are(tmp_path, marked):
    own = case_slice(tmp_path, made(tmp_path, [marked], located=False), "a")
    assert np.array_equal(filled(own.outlines[0], own.rows, own.columns), marked[1][:, :, 7].T == 1)


def test_large_and_noisy_slices_stay_small_and_outlines_fit_them(tmp_path):
    image = np.random.default_rng(0).normal(size=(700, 515, 3)).astype(np.float32)
    label = np.zeros(image.shape, np.uint8)
    label[100:600, 200:300, 1] = 1
    own = case_slice(tmp_path, made(tmp_path, [(image, label)], spacing=(0.5, 0.5, 5)), "a")
    assert max(pixels(own).shape) <= MOST_PIXELS
    assert pixels(own).shape == (own.rows, own.columns)
    assert len(own.picture) < 2 * MOST_BYTES  # noise is the worst there is
    assert own.width_mm == pytest.approx(350, abs=1.5)
    area = filled(own.outlines[0], own.rows, own.columns).sum() * own.width_mm * own.height_mm / own.rows / own.columns
    assert area == pytest.approx(250 * 50, rel=0.03)


def test_a_slice_without_any_contrast_is_a_picture_too(tmp_path, marked):
    image = marked[0].copy()
    image[:, :, 7] = 3.0
    assert pixels(case_slice(tmp_path, made(tmp_path, [(image, marked[1])]), "a")).shape == (30, 20)

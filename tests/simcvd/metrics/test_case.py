import math
import os
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from medpy.metric import binary
from scipy import ndimage

from simcvd.labels import IGNORED
from simcvd.metrics.case import score_case

DISTANCES = ("hd95", "asd", "assd")


def test_each_class_is_scored_alone_in_both_units() -> None:
    """Worked by hand. Class 1: 2 of 3 voxels found, so Dice 4 / 5 and Jaccard 2 / 3; class 2: a voxel 2 away in Z."""
    reference = np.zeros((4, 4, 4), np.uint8)
    reference[0, 0, :3] = 1
    reference[3, 3, 0] = 2
    prediction = np.zeros_like(reference)
    prediction[0, 0, :2] = 1
    prediction[3, 3, 2] = 2
    first, second = score_case(prediction, reference, 2, (1.0, 1.0, 5.0))
    assert (first.dice, first.jaccard) == pytest.approx((4 / 5, 2 / 3))
    assert (first.predicted_voxels, first.reference_voxels) == (2, 3)
    assert (first.asd_vox, first.assd_vox, first.assd_mm) == pytest.approx((0, 1 / 5, 5 / 5))
    assert (second.dice, second.hd95_vox, second.hd95_mm) == pytest.approx((0, 2, 10))
    assert not second.empty_prediction


def test_ignored_voxels_belong_to_no_mask_worked_by_hand() -> None:
    """Along X: of the predicted voxels 0 to 4, 3 and 4 are ignored, and of the reference's 1 and 2 none.

    3 are left: Dice is 2 * 2 / (3 + 2), Jaccard 2 / 3. The surfaces are the voxels 0, 1, 2 and 1, 2: one of five
    distances is 1. Without the ignored voxels' mark, Dice would be 2 * 2 / (5 + 2).
    """
    reference = np.zeros((8, 1, 1), np.uint8)
    prediction = np.zeros_like(reference)
    reference[1:3], prediction[:5], reference[3:7] = 1, 1, IGNORED
    (score,) = score_case(prediction, reference, 1, (3.0, 1.0, 1.0))
    assert (score.dice, score.jaccard) == pytest.approx((4 / 5, 2 / 3))
    assert (score.predicted_voxels, score.reference_voxels) == (3, 2)
    assert (score.asd_vox, score.assd_vox, score.assd_mm) == pytest.approx((1 / 3, 1 / 5, 3 / 5))
    assert prediction.sum() == 5
    assert (reference == IGNORED).sum() == 4


def test_a_mask_that_lies_in_ignored_voxels_alone_is_empty() -> None:
    reference = np.zeros((4, 4, 4), np.uint8)
    prediction = np.zeros_like(reference)
    reference[2:], prediction[3] = IGNORED, 1
    (score,) = score_case(prediction, reference, 1, (1.0, 1.0, 1.0))
    assert score.empty_prediction
    assert score.empty_reference
    assert math.isnan(score.dice)


@pytest.mark.parametrize("seed", range(3))
def test_scores_beside_ignored_voxels_are_medpys_of_the_rest(seed: int) -> None:
    """And they do not depend on what is predicted there."""
    generator = np.random.default_rng(seed)
    volumes = [ndimage.gaussian_filter(generator.normal(size=(2, 14, 12, 10)), (0, 2, 2, 2)) for _ in range(2)]
    prediction, truth = ((v > 0.02).argmax(0) + (v > 0.02).any(0) for v in volumes)
    ignored = ndimage.gaussian_filter(generator.normal(size=truth.shape), 2) > 0.03
    reference = np.where(ignored, IGNORED, truth).astype(np.uint8)
    scores = score_case(prediction.astype(np.uint8), reference, 2, (0.8, 1.0, 2.2))
    assert ignored.any()
    assert scores == score_case(np.where(ignored, 3 - prediction, prediction), reference, 2, (0.8, 1.0, 2.2))
    for class_id, score in enumerate(scores, start=1):
        pair = (prediction == class_id) & ~ignored, (truth == class_id) & ~ignored
        expected = [binary.dc(*pair), binary.jc(*pair), *(getattr(binary, name)(*pair) for name in DISTANCES)]
        expected += [getattr(binary, name)(*pair, (0.8, 1.0, 2.2)) for name in DISTANCES]
        assert list(asdict(score).values())[:8] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_empty_prediction_has_no_distances_but_dice_zero() -> None:
    reference = np.zeros((5, 5, 5), np.uint8)
    reference[2, 2, 2] = 1
    (score,) = score_case(np.zeros_like(reference), reference, 1, (1.0, 1.0, 1.0))
    assert score.dice == score.jaccard == 0
    assert score.empty_prediction
    assert not score.empty_reference
    values = asdict(score)
    assert all(math.isnan(values[f"{name}_{unit}"]) for name in DISTANCES for unit in ("vox", "mm"))


def test_both_empty_is_missing_throughout() -> None:
    empty = np.zeros((5, 5, 5), np.uint8)
    (score,) = score_case(empty, empty, 1, (1.0, 1.0, 1.0))
    assert math.isnan(score.dice)
    assert math.isnan(score.jaccard)
    assert math.isnan(score.asd_vox)
    assert score.empty_prediction
    assert score.empty_reference


def test_real_labels_score_as_medpy_scores_them() -> None:
    if "SIMCVD_REAL_DATA" not in os.environ:
        pytest.skip("SIMCVD_REAL_DATA names no folder with real data")
    files = sorted((Path(os.environ["SIMCVD_REAL_DATA"]) / "hippocampus").rglob("label*/*.nii*"))[:4]
    assert files
    labels = [np.asarray(nib.load(file).dataobj).astype(np.uint8) for file in files]
    smallest = tuple(min(sides) for sides in zip(*(label.shape for label in labels), strict=True))
    box = tuple(slice(side) for side in smallest)
    for number, whole in enumerate(labels):
        label, neighbour = whole[box], labels[number - 1][box]
        eroded = np.where(ndimage.grey_erosion(label, 3) == label, label, 0)
        for prediction in (np.roll(label, (1, -2, 1), (0, 1, 2)), eroded, neighbour):
            for spacing in ((1.0, 1.0, 1.0), (0.8, 1.0, 2.2)):
                for class_id, score in enumerate(score_case(prediction, label, 2, spacing), start=1):
                    pair = prediction == class_id, label == class_id
                    expected = [binary.dc(*pair), binary.jc(*pair)]
                    expected += [getattr(binary, name)(*pair) for name in DISTANCES]
                    expected += [getattr(binary, name)(*pair, spacing) for name in DISTANCES]
                    assert list(asdict(score).values())[:8] == pytest.approx(expected, rel=1e-6, abs=1e-6)

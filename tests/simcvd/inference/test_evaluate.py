import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.data.case_file import OnScan
from simcvd.data.store import CaseFile, Grid, open_case, write_case
from simcvd.errors import UserError
from simcvd.inference.evaluate import evaluate_cases
from simcvd.inference.sliding_window import segment
from simcvd.labels import IGNORED
from simcvd.metrics.case import score_case
from simcvd.networks.base import Segmenter

CPU = torch.device("cpu")
CLASSES = ("anterior", "posterior")


class Threshold(nn.Module):
    """Class 1 where the image is above 0.5, class 2 above 1.5."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([-image + 0.5, torch.zeros_like(image), image - 1.5], dim=1)


def make_case(number: int) -> CaseFile:
    generator = np.random.default_rng(number)
    label = np.zeros((20, 18, 16), np.uint8)
    label[3:9, 4:10, 5:11] = 1
    label[12:16, 4:10, 5 : 9 + number] = 2
    image = label + generator.normal(0, 0.3, label.shape)
    return CaseFile(
        id=f"case-{number}",
        image=image.astype(np.float32)[np.newaxis],
        label=label,
        sdm=None,
        spacing_mm=(1.0, 0.5, 2.0),
        affine=np.eye(4),
        original_shape=label.shape,
        crop_start=(0, 0, 0),
        intensity_mean=(0.0,),
        intensity_std=(1.0,),
    )


def test_rows_are_the_scores_of_each_case_and_class_in_order(config: TrialConfig) -> None:
    cases = [make_case(number) for number in range(3)]
    told = {}
    rows = evaluate_cases(Threshold(), iter(cases), config, CLASSES, CPU, on_case=told.__setitem__)
    assert list(told) == ["case-0", "case-1", "case-2"]
    assert [(row.case_id, row.class_id, row.class_name) for row in rows] == [
        (case.id, class_id, name) for case in cases for class_id, name in enumerate(CLASSES, start=1)
    ]
    for number, case in enumerate(cases):
        assert case.label is not None
        prediction = segment(Threshold(), case.image, (16, 16, 16), (8, 8, 16), device=CPU)
        assert np.array_equal(told[case.id], prediction)
        for row, score in zip(rows[2 * number :], score_case(prediction, case.label, 2, case.spacing_mm), strict=False):
            assert asdict(score).items() <= asdict(row).items()
            assert 0.2 < row.dice < 1


def test_a_class_that_is_not_predicted_has_missing_distances(config: TrialConfig) -> None:
    case = make_case(0)
    dark = replace(case, image=np.full_like(case.image, -1))
    first, _ = evaluate_cases(Threshold(), [dark], config, CLASSES, CPU)
    assert first.empty_prediction
    assert first.dice == 0
    assert math.isnan(first.hd95_mm)


def test_a_case_file_with_ignored_voxels_is_scored_on_the_others(config: TrialConfig, tmp_path: Path) -> None:
    """Worked by hand: of class 1, half of the 6 x 6 x 6 voxels are ignored; of class 2, half are predicted."""
    label = np.zeros((20, 18, 16), np.uint8)
    label[3:9, 4:10, 5:11] = 1
    label[12:16, 4:10, 5:11] = 2
    image = label.astype(np.float32)
    image[14:16, 4:10, 5:11] = 0
    label[:6] = IGNORED
    image[:6] = 2  # what is predicted there plays no part
    write_case(tmp_path, "a", image, label, Grid((1, 1, 1), np.eye(4), label.shape), classes=2)
    first, second = evaluate_cases(Threshold(), [open_case(tmp_path, "a", with_label=True)], config, CLASSES, CPU)
    assert (first.dice, first.predicted_voxels, first.reference_voxels) == (1, 108, 108)
    assert (second.dice, second.predicted_voxels, second.reference_voxels) == (pytest.approx(2 / 3), 72, 144)


def test_training_mode_and_weights_survive(config: TrialConfig, make_network: Callable[..., Segmenter]) -> None:
    network = make_network().train()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    evaluate_cases(network, [make_case(0)], config, CLASSES, CPU)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_no_cases_give_no_rows(config: TrialConfig) -> None:
    assert evaluate_cases(Threshold(), [], config, CLASSES, CPU) == []


def test_a_case_without_label_is_refused(config: TrialConfig) -> None:
    with pytest.raises(UserError, match="case-0 has no label"):
        evaluate_cases(Threshold(), [replace(make_case(0), label=None)], config, CLASSES, CPU)


def test_an_error_while_scoring_surfaces(config: TrialConfig) -> None:
    with pytest.raises(ValueError, match="expected the same"):
        evaluate_cases(Threshold(), [replace(make_case(0), label=np.ones((3, 3, 3), np.uint8))], config, CLASSES, CPU)


def test_a_resampled_case_is_scored_on_its_scans_own_voxels(config: TrialConfig) -> None:
    case = replace(make_case(1), spacing_mm=(1.0, 0.5, 1.2))
    assert case.label is not None
    fine = (0.5, 0.25, 0.6)
    own = case.label.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    resampled = replace(case, on_scan=OnScan(fine, own.shape, own), label=case.label * 0)  # the grid's own is not read
    masks = {}
    rows = evaluate_cases(Threshold(), [resampled], config, CLASSES, CPU, on_case=masks.__setitem__)
    # By hand: the mean probabilities on the finer grid by SciPy, whose grid mode has the same centre.
    logits = Threshold()(torch.from_numpy(case.image[np.newaxis]))[0]
    probabilities = logits.softmax(0).numpy()
    zoomed = [ndimage.zoom(one, 2, order=1, grid_mode=True, mode="nearest") for one in probabilities]
    expected = score_case(np.argmax(zoomed, 0).astype(np.uint8), own, 2, fine)
    for row, wanted in zip(rows, expected, strict=True):
        assert row.dice == pytest.approx(wanted.dice, abs=1e-3)
        assert row.reference_voxels == wanted.reference_voxels
        assert row.hd95_mm == pytest.approx(wanted.hd95_mm, abs=0.05)
    assert masks[case.id].shape == case.label.shape


def test_what_was_cropped_away_is_background_on_the_scans_own_voxels(config: TrialConfig) -> None:
    case = make_case(2)
    own = np.zeros((30, 30, 16), np.uint8)
    assert case.label is not None
    own[4:24, 6:24] = case.label
    own[28:, 28:, :2] = 1  # outside the crop: can't be found
    coarse = (2.0, 1.0, 4.0)
    moved = replace(
        case,
        original_shape=own.shape,
        crop_start=(4, 6, 0),
        on_scan=OnScan(coarse, (15, 15, 8), own[::2, ::2, ::2]),
    )
    row = evaluate_cases(Threshold(), [moved], config, CLASSES, CPU)[0]
    assert row.reference_voxels == (own[::2, ::2, ::2] == 1).sum()
    assert 0.6 < row.dice < 1

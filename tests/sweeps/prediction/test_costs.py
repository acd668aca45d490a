import math

import pytest

from simcvd.config import TrialConfig, apply_settings
from simcvd.data.dataset_info import DatasetInfo, Intensity, Splits
from simcvd.data.training_cases import training_cases
from simcvd.inference.sliding_window import window_starts
from sweeps.prediction.cost_class import inference_class, training_class
from sweeps.prediction.costs import (
    TRIAL_S,
    Costs,
    InferenceCost,
    ProbeFailure,
    StageCost,
    TrainingCost,
    ends_of,
    windows_of,
)

INFO = DatasetInfo(
    name="boxes",
    channels=("mr",),
    classes=("box",),
    spacing_mm=(1, 1, 1),
    intensity=(Intensity(mean=0, std=1, percentile_00_5=-1, percentile_50=0, percentile_99_5=1),),
    splits=Splits(train_labeled=("a",), val=("b",), test=("c", "d")),
    train_order=("a",),
    with_label=("a", "b", "c", "d"),
    source="",
    digests={},
    shapes={"a": (112, 112, 80), "b": (112, 112, 80), "c": (112, 112, 80), "d": (130, 112, 84)},
)


def _config(**changes):
    base = {"training.steps": 100, "training.validate_every_steps": None, "training.gradient_norms_every_steps": None}
    return apply_settings(TrialConfig(), base | {key.replace("__", "."): value for key, value in changes.items()})


def _costs(config, training, inference=None):
    inference = inference or InferenceCost(window_s=0.0)
    return Costs({training_class(config): training}, {inference_class(config): inference})


def test_steps_are_counted_from_where_a_trial_stands():
    config = _config()
    costs = _costs(config, TrainingCost((StageCost(0.0, 2.0),), start_s=5.0))
    assert costs.trial_seconds(config, INFO) == TRIAL_S + 5 + 200
    assert costs.trial_seconds(config, INFO, done=90) == TRIAL_S + 5 + 20
    assert costs.trial_seconds(_config(training__steps=10), INFO) == TRIAL_S + 5 + 20


def test_stages_have_their_own_cost():
    config = _config()
    cost = TrainingCost((StageCost(0.0, 1.0), StageCost(0.2, 10.0), StageCost(0.3, 2.0)))
    assert cost.step_s == pytest.approx(0.2 + 1.0 + 1.4)
    costs = _costs(config, cost)
    assert costs.trial_seconds(config, INFO) == pytest.approx(TRIAL_S + 20 + 100 + 140)
    assert costs.trial_seconds(config, INFO, done=25) == pytest.approx(TRIAL_S + 50 + 140)


def test_gradient_norms_and_validations_are_counted_where_they_are_due():
    config = _config(training__gradient_norms_every_steps=50, training__validate_every_steps=40)
    training = TrainingCost((StageCost(0.0, 0.0),), norms_s=7.0, segmenters=2)
    costs = _costs(config, training, InferenceCost(window_s=1.0))
    test = 1 + 2 * 1 * 2  # windows of c, and of d: one more along X and one more along Z
    # Norms at steps 0 and 50; val after 40, 80 and 100 steps, one window by two networks; the test by one.
    assert costs.trial_seconds(config, INFO) == pytest.approx(TRIAL_S + 2 * 7 + 3 * 2 * 1 + test)
    assert costs.trial_seconds(config, INFO, done=41) == pytest.approx(TRIAL_S + 7 + 2 * 2 * 1 + test)
    assert costs.trial_seconds(config, INFO, done=100) == pytest.approx(TRIAL_S + 2 + test)


def test_a_trial_is_charged_for_the_cases_that_it_is_validated_on():
    shapes = {"a": (112, 112, 80), "e": (148, 112, 80), "b": (112, 112, 80), "d": (130, 112, 84)}
    splits = Splits(train_labeled=("a", "e"), val=("b",), test=("d",))
    info = INFO.model_copy(update={"splits": splits, "train_order": ("a", "e"), "shapes": shapes})
    windows = {"a": 1, "e": 3, "b": 1, "d": 4}
    for settings, validated in (
        ({}, "b"),
        ({"data__fold": [0, 2]}, None),
        ({"data__fold": [1, 2]}, None),
        ({"data__train_on_val": True}, ""),
    ):
        config = _config(**settings)
        cases = validated if validated is not None else training_cases(info, config.data).val
        costs = _costs(config, TrainingCost((StageCost(0.0, 0.0),)), InferenceCost(window_s=1.0))
        expected = TRIAL_S + sum(windows[case] for case in cases) + windows["d"]
        assert costs.trial_seconds(config, info) == pytest.approx(expected)


def test_checkpoints_are_counted_once_a_minute_or_by_steps():
    training = TrainingCost((StageCost(0.0, 2.0),), checkpoint_s=7.0)
    by_time, by_steps = _config(), _config(training__checkpoint_every_steps=40)
    for config, done, checkpoints in ((by_time, 0, 3 + 1), (by_time, 71, 0 + 1), (by_steps, 0, 3), (by_steps, 40, 2)):
        expected = TRIAL_S + 2.0 * (100 - done) + 7.0 * checkpoints
        assert _costs(config, training).trial_seconds(config, INFO, done=done) == expected


def test_scores_cost_by_the_voxel():
    config = _config()
    costs = _costs(config, TrainingCost((StageCost(0.0, 0.0),)), InferenceCost(0.0, voxel_s=1e-6))
    voxels = 2 * 112 * 112 * 80 + 130 * 112 * 84
    assert costs.trial_seconds(config, INFO) == pytest.approx(TRIAL_S + 1e-6 * voxels)


@pytest.mark.parametrize("shape", [(112, 112, 80), (113, 140, 88), (60, 200, 84)])
def test_windows_are_those_of_the_sliding_window(shape):
    config = TrialConfig()
    padded = [max(side, crop) for side, crop in zip(shape, config.data.crop_vox, strict=True)]
    starts = window_starts(padded, config.data.crop_vox, config.inference.stride_vox)
    assert windows_of(shape, config) == len(starts)


def test_what_was_not_measured_or_failed_is_not_predicted():
    config = _config()
    assert Costs().trial_seconds(config, INFO) is None
    failure = ProbeFailure("out_of_memory", "does not fit into the GPU")
    assert _costs(config, failure).trial_seconds(config, INFO) == failure
    fine = TrainingCost((StageCost(0.0, 1.0),))
    assert _costs(config, fine, failure).trial_seconds(config, INFO) == failure
    assert _costs(config, fine).trial_seconds(_config(loss__sdm=0), INFO) is None


def test_trials_start_where_a_slot_is_free_first():
    assert ends_of([3, 1, 1, 5], slots=2) == [3, 1, 2, 7]
    assert ends_of([2, 2], slots=1) == [2, 4]
    assert math.isclose(max(ends_of([1.0] * 96, slots=8)), 12)

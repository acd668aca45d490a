import pytest

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.config.edit import dotted_keys
from simcvd.methods.registry import METHODS, create
from simcvd.networks.base import Segmenter
from sweeps.definition.catalogue import load_sweep
from sweeps.definition.expand import all_trials, expand
from sweeps.prediction.cost_class import OF_INFERENCE, SWITCHES, WITHOUT_COST, inference_class, training_class


def _class(**changes):
    return training_class(
        apply_settings(TrialConfig(), {key.replace("__", "."): value for key, value in changes.items()})
    )


def test_every_listed_setting_exists():
    assert dotted_keys().keys() >= WITHOUT_COST | SWITCHES | OF_INFERENCE
    assert not WITHOUT_COST & SWITCHES


def test_what_costs_nothing_makes_no_class():
    plain = _class()
    for changes in (
        {"seed": 3, "training__steps": 40, "training__learning_rate": 0.5},
        {"data__labeled": 4, "data__label_split": 1},
        {"data__fold": [1, 3]},
        {"data__train_on_val": True},
        {"loss__contrast": 2.0, "projection__dropout": 0.5, "ema__decay": 0.9},
        {"inference__stride_vox": [9, 9, 2]},
        {"ua_mt__passes": 3},  # another method's
        {"augment__in_painting__boxes": 2},  # of an augmentation that is off
    ):
        assert _class(**changes) == plain, changes


def test_what_costs_something_makes_a_class():
    changes = (
        {},
        {"loss__contrast": 0},
        {"loss__sdm": 0},
        {"projection__dropout": 0},
        {"projection__pool_size": 64},
        {"training__batch_unlabeled": 4},
        {"data__crop_vox": [96, 96, 96]},
        {"network__strides": [[2, 2, 1], *[[2, 2, 2]] * 3]},
        {"augment__in_painting__probability": 0.9},
        {"augment__in_painting__probability": 0.1},
        {"method": "chaitanya"},
        {"method": "chaitanya", "chaitanya__global_fraction": 0.3},
    )
    assert len({_class(**each) for each in changes}) == len(changes)


def test_a_setting_that_nobody_classed_makes_its_own_class():
    known = WITHOUT_COST | SWITCHES
    others = {key: value for key, value in dotted_keys().items() if key not in known}
    plain = TrialConfig()
    checked = 0
    for key, value in others.items():
        section = key.split(".")[0]
        if section in plain.unread() or (key.count(".") > 1 and not key.endswith("probability")):
            continue  # read by another method, or by an augmentation that is on
        if isinstance(value, bool):
            other = not value
        elif isinstance(value, int):
            other = value * 2
        else:
            continue
        checked += 1
        assert training_class(apply_settings(plain, {key: other})) != training_class(plain), key
    assert checked > 8


def test_the_paper_has_26_classes_of_training_and_one_of_prediction():
    trials = all_trials(expand(load_sweep("paper"), "d"))
    assert len(trials) == 96
    assert len({training_class(trial.config) for trial in trials}) == 26
    assert len({inference_class(trial.config) for trial in trials}) == 1


def test_each_network_is_predicted_by_itself():
    base = {"data.crop_vox": [64, 64, 64], "inference.stride_vox": [32, 32, 32]}
    others = ({}, {"network.name": "unet"}, {"network.name": "swin_unetr"})
    wide = {"network.name": "swin_unetr", "swin_unetr.feature_size": 48}
    configs = [apply_settings(TrialConfig(), base | change) for change in (*others, wide)]
    assert len({training_class(config) for config in configs}) == len(configs)
    assert len({inference_class(config) for config in configs}) == len(configs)
    unread = apply_settings(configs[1], {"swin_unetr.feature_size": 48})
    assert inference_class(unread) == inference_class(configs[1])


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_scored_by_a_v_net_so_that_one_prediction_tells_of_all(method):
    config = apply_settings(load_preset("phantom"), {"method": method, "data.crop_vox": [32, 32, 32]})
    segmenter = next(iter(create(config, 1, 2).segmenters().values()))
    assert isinstance(segmenter, Segmenter)
    assert segmenter.network.encoder[0][0][0].out_channels == config.network.width

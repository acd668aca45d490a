"""What every registered method must do; a new method is found through the registry and passes unchanged.

The checks are those of `simcvd check-method`; tests/simcvd/plugin shows that each of them can fail.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.methods.registry import METHODS, create
from simcvd.plugin.checks.check import MakeConfig
from simcvd.plugin.checks.learning import check_learning
from simcvd.plugin.checks.method import METHOD_CHECKS
from simcvd.plugin.checks.parts import check_parameters, check_parts
from simcvd.plugin.checks.randomness import check_global_state, check_resume, check_seed
from simcvd.plugin.checks.shapes import check_classes, check_segmenters, check_thick_slices
from simcvd.plugin.checks.terms import (
    check_bfloat16,
    check_diagnostics,
    check_terms,
    check_unlabelled,
    check_weights,
    names_without_unlabelled,
    term_names,
    weights_of,
)
from simcvd.training.precision import has_fast_bfloat16

every_method = pytest.mark.parametrize("name", list(METHODS))

SMALL: Mapping[str, Any] = {
    "dan.discriminator_width": 16,
    "sassnet.discriminator_width": 16,
    "chaitanya.decoder_blocks": 3,
}
"""What a step on the phantom takes a moment with; Dice reaches 0.55 and more."""

# Setting whose 0 switches something off, and the terms that must vanish with it.
SWITCHES = {
    "simcvd": {
        "loss.sdm": {"sdm"},
        "loss.contrast": {"contrast"},
        "loss.distillation": {"distillation"},
        "loss.consistency": {"consistency"},
    },
    "supervised": {},
    "mean_teacher": {"mean_teacher.consistency": {"consistency"}},
    "ua_mt": {"ua_mt.consistency": {"consistency"}},
    "entropy_min": {"entropy_min.entropy": {"entropy"}},
    "cps": {"cps.cross": {"cross_student", "cross_peer"}},
    "ict": {"ict.consistency": {"consistency"}},
    "dan": {"dan.adversarial": {"adversarial", "discriminator"}},
    "sassnet": {"sassnet.sdm": {"sdm"}, "sassnet.adversarial": {"adversarial", "discriminator"}},
    "dtc": {"dtc.sdm": {"sdm"}, "dtc.consistency": {"consistency"}},
    "chaitanya": {
        "chaitanya.global_contrast": {"global_contrast"},
        "chaitanya.local_contrast": {"local_contrast"},
    },
    "unimatch": {"unimatch.strong": {"strong"}, "unimatch.feature": {"feature"}},
    "bcp": {"bcp.unlabeled": {"pseudo_cross_entropy", "pseudo_dice"}},
    "ad_mt": {"ad_mt.unlabeled": {"unlabeled"}},
    "crossmatch": {
        "crossmatch.image": {"image"},
        "crossmatch.teacher_distillation": {"teacher_distillation"},
        "crossmatch.decoder_distillation": {"decoder_distillation"},
    },
}
every_switch = pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, switches in SWITCHES.items() for key in switches]
)
bfloat16 = pytest.mark.skipif(
    not has_fast_bfloat16(torch.device("cpu")), reason="this processor computes bfloat16 convolutions 100 times slower"
)

MakeConfigOf = Callable[[str], MakeConfig]


@pytest.fixture(scope="session")
def config_of(make_config: Callable[..., TrialConfig]) -> MakeConfigOf:
    """Return what makes the settings of a method."""
    return lambda name: lambda changes: make_config(changes, method=name)


def test_conformance_finds_every_method(config_of: MakeConfigOf) -> None:
    assert len(METHODS) == 15
    assert list(SWITCHES) == list(METHODS)
    for name, switches in SWITCHES.items():
        assert name == "simcvd" or set(switches) == set(weights_of(name, config_of(name)))


def test_every_check_of_a_method_is_run_here_but_that_of_two_workers() -> None:
    assert {check.run.__name__ for check in METHOD_CHECKS} - globals().keys() == {"check_two_workers"}


@every_method
def test_parts_are_what_the_training_loop_reads(name: str, config_of: MakeConfigOf) -> None:
    check_parts(name, config_of(name))


@every_method
def test_terms_are_finite_scalars_with_names_and_weights(name: str, config_of: MakeConfigOf) -> None:
    check_terms(name, config_of(name))


@every_method
def test_total_reaches_every_trained_parameter_and_no_other(name: str, config_of: MakeConfigOf) -> None:
    check_parameters(name, config_of(name))


@every_switch
def test_weighted_term_can_be_switched_off_alone(name: str, key: str, config_of: MakeConfigOf) -> None:
    everything, rest = (term_names(config_of(name)(changes)) for changes in ({}, {key: 0.0}))
    assert everything - rest == SWITCHES[name][key]
    assert rest < everything


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("simcvd", "supervised")])
def test_weights_are_found_and_switched_off_as_those_of_a_plugin(name: str, config_of: MakeConfigOf) -> None:
    """SimCVD's weights are in the section `loss`, supervised training has none."""
    check_weights(name, config_of(name))


@every_method
def test_crops_are_asked_for_only_where_a_term_needs_them(name: str, config_of: MakeConfigOf) -> None:
    """With every unlabelled weight 0 a method trains on labelled crops alone."""
    check_unlabelled(name, config_of(name))
    unlabelled = {key: 0.0 for key in SWITCHES[name] if not key.endswith(".sdm")}
    asking, alone = (config_of(name)(changes) for changes in ({}, unlabelled))
    assert create(asking, 1, 2).needs_unlabeled == bool(unlabelled)
    assert not create(alone, 1, 2).needs_unlabeled
    names = {term.removesuffix("_student") for term in names_without_unlabelled(alone)}
    assert {"cross_entropy", "dice"} <= names


@every_method
def test_same_seed_gives_the_same_losses_and_another_seed_others(name: str, config_of: MakeConfigOf) -> None:
    check_seed(name, config_of(name))


@every_method
def test_global_random_state_is_neither_read_nor_moved(name: str, config_of: MakeConfigOf) -> None:
    check_global_state(name, config_of(name))


@every_method
def test_resumed_run_equals_an_uninterrupted_one(name: str, config_of: MakeConfigOf) -> None:
    check_resume(name, config_of(name))


@every_method
def test_several_classes_and_channels_train_and_segment(name: str, config_of: MakeConfigOf) -> None:
    check_classes(name, config_of(name))


@every_method
def test_thick_slices_train_where_strides_keep_them(name: str, config_of: MakeConfigOf) -> None:
    """Chaitanya's regions fit the flat maps."""
    check_thick_slices(name, config_of(name))


@every_method
def test_segmenters_map_images_to_finite_logits_and_leave_training_as_it_was(
    name: str, config_of: MakeConfigOf
) -> None:
    check_segmenters(name, config_of(name))


@every_method
def test_diagnostics_are_detached_scalars(name: str, config_of: MakeConfigOf) -> None:
    check_diagnostics(name, config_of(name))


@bfloat16
@every_method
def test_losses_stay_float32_and_finite_under_bfloat16(name: str, config_of: MakeConfigOf) -> None:
    check_bfloat16(name, config_of(name))


@pytest.mark.slow
@every_method
def test_hundred_steps_on_the_phantom_raise_dice(name: str) -> None:
    check_learning(name, lambda changes: apply_settings(load_preset("phantom"), {**SMALL, "method": name, **changes}))

"""What every registered method must do; a new method is found through the registry and passes unchanged."""

import functools
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.phantom import write_phantom
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.registry import METHODS, create
from simcvd.training.evaluation import evaluate_trial
from simcvd.training.precision import has_fast_bfloat16
from simcvd.training.run import run_training

every_method = pytest.mark.parametrize("name", list(METHODS))
STEPS = (0, 1, 9)
"""Steps of the tiny trial's 10: a method that trains in stages shows each of them."""

SMALL: dict[str, Any] = {
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [8, 8, 8],
    "network.strides": [[2, 2, 2], [2, 2, 2], [2, 2, 2], [1, 1, 1]],
    "projection.pool_size": 16,
    "dan.discriminator_width": 16,
    "sassnet.discriminator_width": 16,
    "chaitanya.decoder_blocks": 3,
}
"""What a step on the phantom takes a moment with; it reaches 0.55 and more."""

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
}
every_switch = pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, switches in SWITCHES.items() for key in switches]
)
bfloat16 = pytest.mark.skipif(
    not has_fast_bfloat16(torch.device("cpu")), reason="this processor computes bfloat16 convolutions 100 times slower"
)

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]
TermsOf = Callable[[TrialConfig], list[list[Term]]]


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, labeled=4, unlabeled=8, val=1, test=6, shape=(24, 24, 24))
    return folder


@pytest.fixture(scope="module")
def terms_of(make_batch: MakeBatch) -> TermsOf:
    """The terms of a method that is not trained, at each of `STEPS`; they are computed once for the same settings."""

    @functools.cache
    def terms(config: TrialConfig) -> list[list[Term]]:
        method, found = create(config, 1, 2), []
        for step in STEPS:
            method.before_step(step)
            found.append(method.terms(make_batch(), step, Draws(0, step)))
        return found

    return terms


def _trained(method: Method) -> set[int]:
    groups = [group for optimiser in method.optimisers.values() for group in optimiser.param_groups]
    return {id(parameter) for group in groups for parameter in group["params"]}


def _losses(terms: list[Term]) -> list[tuple[str, float, float]]:
    return [(term.name, term.value.item(), term.weight) for term in terms]


def _weights_of(name: str) -> set[str]:
    """Return the settings in a method's own section that are weights: numbers from 0 without upper end."""
    schema = TrialConfig.model_json_schema()
    if name not in schema["properties"]:
        return set()
    section = schema["$defs"][schema["properties"][name]["$ref"].rsplit("/", 1)[-1]]["properties"]
    return {
        f"{name}.{key}"
        for key, field in section.items()
        if field["type"] == "number" and field.get("minimum") == 0 and "maximum" not in field
    }


def test_conformance_finds_every_method() -> None:
    assert len(METHODS) == 11
    assert list(SWITCHES) == list(METHODS)
    for name, switches in SWITCHES.items():
        assert name == "simcvd" or set(switches) == _weights_of(name)


@every_method
def test_terms_are_finite_scalars_with_names_and_weights(name: str, make_config: MakeConfig, terms_of: TermsOf) -> None:
    for terms in terms_of(make_config(method=name)):
        assert len({term.name for term in terms}) == len(terms) > 0
        for term in terms:
            assert term.value.shape == (), term.name
            assert term.value.dtype == torch.float32, term.name
            assert term.value.isfinite(), term.name
            assert term.value.requires_grad, term.name
            assert term.weight > 0, term.name


@every_method
def test_total_reaches_every_trained_parameter_and_no_other(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = create(make_config(method=name), 1, 2)
    trained = _trained(method)
    held = {id(parameter): key for key, parameter in method.networks.named_parameters()}
    assert trained <= held.keys()
    reached = set()
    for step in STEPS:
        train_step(method, make_batch(step=step), step)
        stepping = {id(p) for o in method.stepping(step) for group in o.param_groups for p in group["params"]}
        for key, parameter in method.networks.named_parameters():
            if parameter.grad is not None:
                assert parameter.grad.isfinite().all(), key
                assert id(parameter) in stepping, key
                reached.add(id(parameter))
        method.networks.zero_grad()
    assert {held[parameter] for parameter in trained} == {held[parameter] for parameter in reached}


@every_switch
def test_weighted_term_can_be_switched_off_alone(
    name: str, key: str, make_config: MakeConfig, terms_of: TermsOf
) -> None:
    everything, rest = (
        {term.name for terms in terms_of(make_config(settings, method=name)) for term in terms}
        for settings in ({}, {key: 0.0})
    )
    assert everything - rest == SWITCHES[name][key]
    assert rest < everything


@every_method
def test_crops_are_asked_for_only_where_a_term_needs_them(
    name: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """With every unlabelled weight 0 a method trains on labelled crops alone."""
    unlabelled = {key: 0.0 for key in SWITCHES[name] if not key.endswith(".sdm")}
    asking, alone = (create(make_config(settings, method=name), 1, 2) for settings in ({}, unlabelled))
    assert asking.needs_unlabeled == bool(unlabelled)
    assert not alone.needs_unlabeled
    for step in STEPS:
        alone.before_step(step)
        terms = alone.terms(replace(make_batch(), image_unlabeled=None), step, Draws(0, step))
        assert {"cross_entropy", "dice"} <= {term.name.removesuffix("_student") for term in terms}


@every_method
def test_same_seed_gives_the_same_losses_and_another_seed_others(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    runs = []
    for seed, steps in ((0, 2), (0, 2), (1, 1)):
        method = create(make_config(method=name, seed=seed), 1, 2)
        runs.append([_losses(train_step(method, make_batch(step=step), step)) for step in range(steps)])
    assert runs[0] == runs[1]
    assert runs[0][:1] != runs[2]


@every_method
def test_global_random_state_is_neither_read_nor_moved(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    losses = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        losses.append(_losses(train_step(create(make_config(method=name), 1, 2), make_batch(), 0)))
        assert torch.equal(torch.get_rng_state(), before)
    assert losses[0] == losses[1]


@every_method
def test_resumed_run_equals_an_uninterrupted_one(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    config = make_config(method=name)
    whole = create(config, 1, 2)
    for step in range(2):
        train_step(whole, make_batch(step=step), step)
    state: dict[str, Any] = {key: value.state_dict() for key, value in whole.optimisers.items()}
    file = io.BytesIO()
    torch.save({"networks": whole.networks.state_dict(), "optimisers": state}, file)

    resumed = create(config, 1, 2)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed.networks.load_state_dict(saved["networks"])
    for key, value in saved["optimisers"].items():
        resumed.optimisers[key].load_state_dict(value)
    batch = make_batch(step=2)
    assert _losses(train_step(resumed, batch, 2)) == _losses(train_step(whole, batch, 2))
    found = resumed.networks.state_dict()
    for key, tensor in whole.networks.state_dict().items():
        assert torch.equal(found[key], tensor), key


@every_method
def test_several_classes_and_channels_train_and_segment(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = create(make_config(method=name), image_channels=2, classes=4)
    terms = train_step(method, make_batch(image_channels=2, classes=4), 0)
    assert all(term.value.isfinite() for term in terms)
    for segmenter in method.segmenters().values():
        assert segmenter.eval()(torch.zeros(1, 2, 8, 16, 8)).shape == (1, 4, 8, 16, 8)


@every_method
def test_thick_slices_train_where_strides_keep_them(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    """6 slices, which no padding brings to 8, through every stage; Chaitanya's regions fit the flat maps."""
    crop, strides = [16, 16, 6], [[1, 1, 1], [2, 2, 1], [2, 2, 1], [2, 2, 2]]
    changes = {"data.crop_vox": crop, "inference.stride_vox": [8, 8, 3], "network.strides": strides}
    config = make_config(changes, method=name)
    method = create(config, 1, 2)
    for step in STEPS:
        terms = train_step(method, make_batch(crop_vox=(16, 16, 6)), step)
        assert all(term.value.isfinite() for term in terms)
    for segmenter in method.segmenters().values():
        assert segmenter.eval()(torch.zeros(1, 1, *crop)).shape == (1, 2, *crop)


@every_method
def test_segmenters_map_images_to_finite_logits_and_leave_training_as_it_was(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    plain, validated = (create(make_config(method=name), 1, 2) for _ in range(2))
    losses = []
    for method in (plain, validated):
        train_step(method, make_batch(), 0)
        if method is validated:
            for segmenter in method.segmenters().values():
                with torch.inference_mode():
                    logits = segmenter.eval()(torch.zeros(3, 1, 16, 8, 8))
                assert logits.shape == (3, 2, 16, 8, 8)
                assert logits.isfinite().all()
        losses.append(_losses(train_step(method, make_batch(step=1), 1)))
    assert losses[0] == losses[1]


@every_method
def test_diagnostics_are_detached_scalars(name: str, make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method = create(make_config(method=name), 1, 2)
    assert not method.diagnostics
    method.before_step(0)
    method.terms(make_batch(), 0, Draws(0, 0))
    for value in method.diagnostics.values():
        assert value.shape == ()
        assert not value.requires_grad


@bfloat16
@every_method
def test_losses_stay_float32_and_finite_under_bfloat16(
    name: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = create(make_config(method=name), 1, 2)
    method.before_step(0)
    with torch.autocast("cpu", torch.bfloat16):
        terms = method.terms(make_batch(), 0, Draws(0, 0))
    for term in terms:
        assert term.value.dtype == torch.float32, term.name
        assert term.value.isfinite(), term.name


@pytest.mark.slow
@every_method
def test_hundred_steps_on_the_phantom_raise_dice(name: str, phantom: Path, tmp_path: Path) -> None:
    """Dice on the test cases, because a falling loss proves nothing; before training it is under 0.1."""
    config = apply_settings(load_preset("phantom"), SMALL | {"method": name, "training.steps": 100})
    run_training(config, phantom, tmp_path / "trial", device="cpu")
    scores = evaluate_trial(tmp_path / "trial", phantom, "test", device="cpu")
    assert np.mean([score.dice for score in scores]) > 0.45

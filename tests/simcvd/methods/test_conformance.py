"""What every registered method must do; a new method is found through the registry and passes unchanged."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from simcvd.config import TrialConfig, dotted_keys
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.registry import METHODS, create

every_method = pytest.mark.parametrize("name", list(METHODS))
every_switch = pytest.mark.parametrize(
    ("name", "term"),
    [("simcvd", term) for term in ("sdm", "contrast", "distillation", "consistency")],
)
bfloat16 = pytest.mark.skipif(
    not torch.cpu._is_avx512_bf16_supported(), reason="this processor computes bfloat16 convolutions 100 times slower"
)

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]


def _trained(method: Method) -> set[int]:
    groups = [group for optimiser in method.optimisers.values() for group in optimiser.param_groups]
    return {id(parameter) for group in groups for parameter in group["params"]}


def _losses(terms: list[Term]) -> list[tuple[str, float, float]]:
    return [(term.name, term.value.item(), term.weight) for term in terms]


def test_conformance_finds_every_method() -> None:
    assert len(METHODS) == 1


@every_method
def test_terms_are_finite_scalars_with_names_and_weights(
    name: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = create(make_config(method=name), 1, 2)
    method.before_step(3)
    terms = method.terms(make_batch(), 3, Draws(0, 3))
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
    train_step(method, make_batch(), 0)
    trained = _trained(method)
    held = list(method.networks.named_parameters())
    assert trained <= {id(parameter) for _, parameter in held}
    for parameter_name, parameter in held:
        if id(parameter) in trained:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name
        else:
            assert parameter.grad is None, parameter_name


@every_switch
def test_weighted_term_can_be_switched_off_alone(
    name: str, term: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    assert f"loss.{term}" in dotted_keys()
    found = []
    for settings in ({}, {f"loss.{term}": 0.0}):
        method = create(make_config(settings, method=name), 1, 2)
        method.before_step(0)
        found.append([t.name for t in method.terms(make_batch(), 0, Draws(0, 0))])
    everything, rest = found
    assert term in everything
    assert rest == [t for t in everything if t != term]


@every_method
def test_same_seed_gives_the_same_losses_and_another_seed_others(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    runs = []
    for seed in (0, 0, 1):
        method = create(make_config(method=name, seed=seed), 1, 2)
        runs.append([_losses(train_step(method, make_batch(step=step), step)) for step in range(2)])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


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
    for step in range(2, 4):
        batch = make_batch(step=step)
        assert _losses(train_step(resumed, batch, step)) == _losses(train_step(whole, batch, step))
    for key, tensor in whole.networks.state_dict().items():
        assert torch.equal(resumed.networks.state_dict()[key], tensor), key


@every_method
def test_several_classes_and_channels_train_and_segment(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = create(make_config(method=name), image_channels=2, classes=4)
    terms = train_step(method, make_batch(image_channels=2, classes=4), 0)
    assert all(term.value.isfinite() for term in terms)
    for segmenter in method.segmenters().values():
        assert segmenter.eval()(torch.zeros(1, 2, 16, 32, 16)).shape == (1, 4, 16, 32, 16)


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
                    logits = segmenter.eval()(torch.zeros(3, 1, 32, 32, 16))
                assert logits.shape == (3, 2, 32, 32, 16)
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

"""What DAN and SASSNet share: one discriminator, one backward pass for two networks."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.config.types import HALVING
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.registry import create

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]

adversarial_method = pytest.mark.parametrize("name", ["dan", "sassnet"])


def _create(name: str, make_config: MakeConfig, **settings: Any) -> Method:
    given = {"discriminator_width": 4} | settings
    return create(make_config({f"{name}.{key}": value for key, value in given.items()}, method=name), 1, 2)


def _terms(method: Method, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def _gradients(term: Term, network: nn.Module) -> list[Tensor | None]:
    return list(torch.autograd.grad(term.value, list(network.parameters()), retain_graph=True, allow_unused=True))


@adversarial_method
def test_adversarial_term_moves_the_segmenter_alone(name: str, make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method = _create(name, make_config)
    term = _terms(method, make_batch())["adversarial"]
    assert all(gradient is None for gradient in _gradients(term, method.networks["discriminator"]))
    reached = _gradients(term, method.networks["student"])
    assert all(gradient is not None for gradient in reached)
    assert sum(gradient.abs().sum() for gradient in reached if gradient is not None) > 0


@adversarial_method
def test_discriminators_term_moves_the_discriminator_alone(
    name: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = _create(name, make_config)
    term = _terms(method, make_batch())["discriminator"]
    assert all(gradient is None for gradient in _gradients(term, method.networks["student"]))
    for gradient in _gradients(term, method.networks["discriminator"]):
        assert gradient is not None
        assert gradient.abs().sum() > 0


@adversarial_method
def test_dropout_acts_in_the_discriminators_own_term_only(
    name: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = _create(name, make_config), make_batch()
    given: list[tuple[Any, ...]] = []
    method.networks["discriminator"].register_forward_pre_hook(lambda _, arguments: given.append(arguments))
    _terms(method, batch)
    against, own = given
    assert len(against) == 2
    assert torch.equal(against[1], batch.image_unlabeled)
    assert torch.equal(own[1], torch.cat((batch.image_labeled, batch.image_unlabeled)))
    assert isinstance(own[2], Draws)
    assert own[3] == (2, 2)
    torch.testing.assert_close(own[0][2:], against[0])


@adversarial_method
def test_without_the_adversarial_term_there_is_no_discriminator_and_no_unlabelled_crop(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = _create(name, make_config, adversarial=0.0)
    assert not method.needs_unlabeled
    assert set(method.networks) == {"student"}
    assert set(method.optimisers) == {"sgd"}
    terms = train_step(method, replace(make_batch(), image_unlabeled=None), 0)
    assert [term.name for term in terms] == ["cross_entropy", "dice", *(["sdm"] if name == "sassnet" else [])]
    assert not any("discriminator" in key for key in method.diagnostics)


@adversarial_method
def test_optimisers_share_no_parameter_and_the_discriminators_rate_stays(name: str, make_config: MakeConfig) -> None:
    method = _create(name, make_config, discriminator_learning_rate=3e-4)
    held = {key: [id(p) for p in optimiser.param_groups[0]["params"]] for key, optimiser in method.optimisers.items()}
    assert held == {
        "sgd": [id(parameter) for parameter in method.networks["student"].parameters()],
        "discriminator": [id(parameter) for parameter in method.networks["discriminator"].parameters()],
    }
    adam = method.optimisers["discriminator"]
    assert isinstance(adam, torch.optim.Adam)
    assert adam.param_groups[0]["betas"] == (0.9, 0.99)
    for step in (0, 9):
        method.before_step(step)
        assert adam.param_groups[0]["lr"] == 3e-4
    assert method.optimisers["sgd"].param_groups[0]["lr"] == pytest.approx(0.001)


@adversarial_method
def test_segmenter_starts_as_it_does_without_a_discriminator(name: str, make_config: MakeConfig) -> None:
    supervised = create(make_config(method="supervised"), 1, 2).networks["student"].state_dict()
    student = _create(name, make_config).networks["student"].state_dict()
    assert list(student) == list(supervised)
    for key, value in supervised.items():
        assert (name == "sassnet" and key.startswith("heads")) or torch.equal(student[key], value), key


def _after(name: str, make_config: MakeConfig, gather: Any = None) -> Method:
    settings = {f"{name}.discriminator_width": 4, f"{name}.discriminator_after": True}
    return create(make_config(settings, method=name), 1, 2, gather)


@adversarial_method
def test_discriminator_learns_after_the_segmenters_step_from_what_that_returns_in_eval_mode(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method, batch = _after(name, make_config), make_batch()
    seen: list[tuple[Any, ...]] = []
    method.networks["discriminator"].register_forward_pre_hook(lambda _, given: seen.append(given))
    terms = train_step(method, batch, 0)
    assert "adversarial" in {term.name for term in terms}
    assert "discriminator" not in {term.name for term in terms}
    against, own = seen
    assert len(against) == 2

    student = method.networks["student"]
    assert student.training
    with torch.no_grad():
        outputs = student.eval()(torch.cat((batch.image_labeled, batch.image_unlabeled)))
    expected = outputs.logits.softmax(1) if name == "dan" else outputs.sdm
    torch.testing.assert_close(own[0], expected)
    assert torch.equal(own[1], torch.cat((batch.image_labeled, batch.image_unlabeled)))
    assert isinstance(own[2], Draws)
    found = method.diagnostics
    assert {"discriminator", "discriminator_accuracy_labeled", "discriminator_accuracy_unlabeled"} <= found.keys()
    assert all(value.shape == () and not value.requires_grad for value in found.values())


@adversarial_method
def test_discriminator_that_learns_after_moves_once_a_step_and_moves_no_segmenter(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    """The segmenter's first step and its batch norm are those of one whose discriminator learns at once."""
    settings = {f"{name}.discriminator_width": 4}
    at_once, after = create(make_config(settings, method=name), 1, 2), _after(name, make_config)
    before = {key: value.clone() for key, value in after.networks["discriminator"].state_dict().items()}
    for method in (at_once, after):
        train_step(method, make_batch(), 0)
    for key, value in at_once.networks["student"].state_dict().items():
        assert torch.equal(after.networks["student"].state_dict()[key], value), key
    for key, value in after.networks["discriminator"].state_dict().items():
        assert not torch.equal(before[key], value), key
    assert {int(state["step"]) for state in after.optimisers["discriminator"].state.values()} == {1}
    assert all(parameter.grad is None for parameter in after.networks["discriminator"].parameters())


@adversarial_method
def test_resumed_run_with_a_discriminator_that_learns_after_equals_an_uninterrupted_one(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    whole, resumed = _after(name, make_config), _after(name, make_config)
    train_step(whole, make_batch(), 0)
    resumed.networks.load_state_dict(whole.networks.state_dict())
    for key, optimiser in resumed.optimisers.items():
        optimiser.load_state_dict(copy.deepcopy(whole.optimisers[key].state_dict()))
    losses = [
        [(term.name, term.value.item()) for term in train_step(method, make_batch(step=step), step)]
        for method in (whole, resumed)
        for step in (1, 2)
    ]
    assert losses[:2] == losses[2:]
    assert whole.diagnostics["discriminator"].item() == resumed.diagnostics["discriminator"].item()


def test_discriminator_that_learns_after_takes_the_mean_of_the_workers_gradients(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker's gradients are three times this one's, so their mean is twice; other rows are alike."""
    alone = _after("dan", make_config)
    width = sum(parameter.numel() for parameter in alone.networks["discriminator"].parameters())

    def gather(rows: Tensor) -> Tensor:
        return torch.cat((rows, 3 * rows)) if rows.shape[1] == width else rows

    found = []
    for method in (alone, _after("dan", make_config, gather)):
        parameters = list(method.networks["discriminator"].parameters())
        gradients: list[Tensor] = []

        def keep(parameters: list[nn.Parameter] = parameters, gradients: list[Tensor] = gradients) -> None:
            gradients += [one.grad.clone() for one in parameters if one.grad is not None]

        monkeypatch.setattr(method.optimisers["discriminator"], "step", keep)
        train_step(method, make_batch(), 0)
        found.append(gradients)
        assert len(gradients) == len(parameters)
    for one, mean in zip(*found, strict=True):
        torch.testing.assert_close(mean, 2 * one)


@pytest.mark.slow
@adversarial_method
def test_discriminator_learns_to_tell_the_crops_and_its_accuracies_say_so(
    name: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """Here labelled crops show blocks and the others noise; only the discriminator steps, dropout and all."""
    crop = (32, 32, 16)
    discriminator = {"discriminator_width": 16, "discriminator_learning_rate": 3e-3}
    changes = {f"{name}.{key}": value for key, value in discriminator.items()}
    changes |= {"data.crop_vox": crop, "network.strides": HALVING}
    method, batch = create(make_config(changes, method=name), 1, 2), make_batch(crop_vox=crop, block_vox=8)
    told, right = [], []
    for step in range(40):
        term = _terms(method, batch, step % 10)["discriminator"]
        term.value.backward()
        method.optimisers["discriminator"].step()
        method.networks.zero_grad()
        told.append(term.value.item())
        right.append([method.diagnostics[f"discriminator_accuracy_{kind}"] for kind in ("labeled", "unlabeled")])
    assert np.mean(told[-10:]) < 0.2 < told[0]
    assert np.mean(right[-10:], 0).min() > 0.9

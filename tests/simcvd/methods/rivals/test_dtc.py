import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.registry import create
from simcvd.methods.rivals.dtc import DTC
from simcvd.networks.base import Features

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]


def _method(make_config: MakeConfig, image_channels: int = 1, classes: int = 2, **settings: Any) -> DTC:
    return DTC(make_config({f"dtc.{key}": value for key, value in settings.items()}), image_channels, classes)


def _run(method: DTC, batch: Batch) -> tuple[dict[str, Term], Features, torch.Tensor]:
    """Return a step's terms, what the V-Net returned and what it was given."""
    seen: list[tuple[Features, torch.Tensor]] = []
    method.networks["student"].register_forward_hook(lambda _, given, returned: seen.append((returned, given[0])))
    method.before_step(0)
    terms = {term.name: term for term in method.terms(batch, 0, Draws(0, 0))}
    ((features, image),) = seen
    return terms, features, image


@pytest.mark.parametrize(("classes", "steepness"), [(2, 1500.0), (4, 1500.0), (4, 3.0)])
def test_terms_are_the_papers_on_what_the_network_returns(
    classes: int, steepness: float, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """SDM: mean squared error on the two labelled crops.

    Consistency: `mean (p - 1 / (1 + exp(k d)))^2` over labelled and unlabelled crops, voxels and foreground classes,
    p the softmax of the class head, background left out, d the SDM head's output.
    """
    batch = make_batch(classes=classes)
    terms, features, _ = _run(_method(make_config, classes=classes, steepness=steepness), batch)
    assert features.sdm is not None
    sdm = features.sdm.detach().double().numpy()
    assert sdm.shape[:2] == (4, classes - 1)
    probs = softmax(features.logits.detach().double().numpy(), 1)[:, 1:]
    assert terms["sdm"].value.item() == pytest.approx(np.square(sdm[:2] - batch.sdm.numpy()).mean(), rel=1e-6)
    expected = np.square(probs - expit(-steepness * sdm)).mean()
    assert terms["consistency"].value.item() == pytest.approx(expected, rel=1e-5)


def test_weights_ramp_up_for_the_consistency_only(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """10 steps, so t_max = 9; at t = 3 the ramp is exp(-5 (2/3)^2) = 0.108368."""
    method = _method(make_config)
    weights = {term.name: term.weight for term in method.terms(make_batch(), 3, Draws(0, 3))}
    assert weights == pytest.approx({"cross_entropy": 0.5, "dice": 0.5, "sdm": 0.3, "consistency": math.exp(-20 / 9)})


def test_network_sees_labelled_and_unlabelled_crops_together_without_noise(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    batch = make_batch(image_channels=2)
    _, _, image = _run(_method(make_config, image_channels=2), batch)
    assert torch.equal(image, torch.cat((batch.image_labeled, batch.image_unlabeled)))


def test_consistency_moves_both_heads(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """The heads are rows of one convolution: two of class logits, then the SDM."""
    method = _method(make_config, steepness=3.0)
    terms, _, _ = _run(method, make_batch())
    heads = method.networks["student"].heads
    (gradient,) = torch.autograd.grad(terms["consistency"].value, [heads.weight])
    assert gradient.shape[0] == 3
    assert gradient.flatten(1).abs().sum(1).min() > 0


def test_without_consistency_no_unlabelled_crop_is_needed(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = _method(make_config, consistency=0.0)
    assert not method.needs_unlabeled
    terms = train_step(method, replace(make_batch(), image_unlabeled=None), 0)
    assert [term.name for term in terms] == ["cross_entropy", "dice", "sdm"]


def test_network_starts_as_in_other_methods(make_config: MakeConfig) -> None:
    supervised = create(make_config(method="supervised"), 1, 2).networks["student"].state_dict()
    student = _method(make_config).networks["student"].state_dict()
    assert list(student) == list(supervised)
    for key, value in supervised.items():
        assert key.startswith("heads") or torch.equal(student[key], value), key


def test_diagnostics_are_the_sdms_error_beside_a_constants(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method, batch = _method(make_config), make_batch()
    terms, _, _ = _run(method, batch)
    assert {name: value.item() for name, value in method.diagnostics.items()} == pytest.approx(
        {"sdm_error": terms["sdm"].value.item(), "sdm_error_constant": batch.sdm.var(correction=0).item()}, rel=1e-5
    )

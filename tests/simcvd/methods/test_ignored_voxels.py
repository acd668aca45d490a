"""What voxels that count nowhere may do in every method: part of the conformance suite."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.registry import METHODS, create
from simcvd.networks.base import Features, Network

every_method = pytest.mark.parametrize("name", list(METHODS))
STEPS = (0, 1, 9)
SUPERVISED = ("cross_entropy", "dice", "sdm")

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]


def _half(batch: Batch) -> Tensor:
    return torch.rand(batch.label.shape, generator=torch.Generator().manual_seed(1)) < 0.5


def _supervised(method: Method, batch: Batch) -> tuple[list[Term], list[Tensor]]:
    """Return the supervised terms of the last step, and the gradients of what learns from them."""
    outputs: list[Tensor] = []
    with pytest.MonkeyPatch.context() as patch:
        for network in (method.networks[key] for key in ("student", "peer") if key in method.networks):
            assert isinstance(network, Network)
            patch.setattr(network, "features", functools.partial(_note_features, network.features, outputs))
        method.before_step(STEPS[-1])
        terms = method.terms(batch, STEPS[-1], Draws(0, STEPS[-1]))
    supervised = [term for term in terms if term.name.startswith(SUPERVISED)]
    total = torch.stack([term.value for term in supervised]).sum()
    gradients = torch.autograd.grad(total, outputs, allow_unused=True)
    return supervised, [gradient for gradient in gradients if gradient is not None]


def _note_features(compute: Callable[..., Features], outputs: list[Tensor], *given: Tensor) -> Features:
    """Compute what a network returns, and note the outputs of its heads; some methods call its parts alone."""
    features = compute(*given)
    outputs += [output for output in features[:2] if output is not None]
    return features


@every_method
def test_no_term_reads_the_label_of_an_ignored_voxel(
    name: str, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    batch = make_batch(classes=3)
    counted = _half(batch)
    batches = [
        replace(batch, label=batch.label * counted, sdm=batch.sdm * counted.unsqueeze(1), counted=counted),
        replace(batch, label=torch.where(counted, batch.label, 2), counted=counted),
    ]
    runs = []
    for one in batches:
        method, losses = create(make_config(method=name), 1, 3), []
        for step in STEPS:
            losses += [(term.name, term.value.item()) for term in train_step(method, one, step)]
            losses += [(key, value.item()) for key, value in method.diagnostics.items()]
        assert all(math.isfinite(value) for _, value in losses)
        runs.append(losses)
    assert runs[0] == runs[1]


@every_method
def test_supervised_terms_move_what_is_predicted_in_every_counted_voxel_and_in_no_other(
    name: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    batch = make_batch(classes=3)
    counted = _half(batch)
    _, gradients = _supervised(create(make_config(method=name), 1, 3), replace(batch, counted=counted))
    assert len(gradients) == {"simcvd": 2, "cps": 2, "sassnet": 2, "dtc": 2}.get(name, 1)  # heads, or networks
    for gradient in gradients:
        # Crop after crop: what follows the labelled ones may hold parts of them, pasted, and else has no gradient.
        moved = gradient.any(1).unflatten(0, (-1, len(counted)))
        assert torch.equal(moved.sum(0), counted.long())


@every_method
def test_crops_that_are_ignored_wholly_cost_nothing(name: str, make_config: MakeConfig, make_batch: MakeBatch) -> None:
    batch = make_batch(classes=3)
    nothing = replace(batch, counted=torch.zeros_like(_half(batch)))
    method = create(make_config(method=name), 1, 3)
    terms, gradients = _supervised(method, nothing)
    assert len(terms) > 1
    assert [term.value.item() for term in terms] == [0] * len(terms)
    assert gradients
    assert not any(gradient.any() for gradient in gradients)
    assert all(value.isfinite() for value in method.diagnostics.values())

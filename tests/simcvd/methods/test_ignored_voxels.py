"""What voxels that count nowhere may do in every method: part of the conformance suite."""

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

every_method = pytest.mark.parametrize("name", list(METHODS))
STEPS = (0, 1, 9)
SUPERVISED = ("cross_entropy", "dice", "sdm")

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]


def _half(batch: Batch) -> Tensor:
    return torch.rand(batch.label.shape, generator=torch.Generator().manual_seed(1)) < 0.5


def _supervised(method: Method, batch: Batch) -> tuple[list[Term], list[Tensor]]:
    """Return the supervised terms of the last step, and the outputs of what learns from them."""
    outputs: list[Tensor] = []
    for network in (method.networks[key] for key in ("student", "peer") if key in method.networks):
        network.register_forward_hook(lambda _, given, out: outputs.extend(t for t in out[:2] if t is not None))
    method.before_step(STEPS[-1])
    terms = method.terms(batch, STEPS[-1], Draws(0, STEPS[-1]))
    return [term for term in terms if term.name.startswith(SUPERVISED)], outputs


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
    terms, outputs = _supervised(create(make_config(method=name), 1, 3), replace(batch, counted=counted))
    assert len(outputs) == {"simcvd": 2, "cps": 2, "sassnet": 2, "dtc": 2}.get(name, 1)  # heads, or networks
    total = torch.stack([term.value for term in terms]).sum()
    for gradient in torch.autograd.grad(total, outputs):
        assert torch.equal(gradient[: len(counted)].any(1), counted)


@every_method
def test_crops_that_are_ignored_wholly_cost_nothing(name: str, make_config: MakeConfig, make_batch: MakeBatch) -> None:
    batch = make_batch(classes=3)
    nothing = replace(batch, counted=torch.zeros_like(_half(batch)))
    method = create(make_config(method=name), 1, 3)
    terms, outputs = _supervised(method, nothing)
    assert len(terms) > 1
    assert [term.value.item() for term in terms] == [0] * len(terms)
    for gradient in torch.autograd.grad(torch.stack([term.value for term in terms]).sum(), outputs):
        assert not gradient.any()
    assert all(value.isfinite() for value in method.diagnostics.values())

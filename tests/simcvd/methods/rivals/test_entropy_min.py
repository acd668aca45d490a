from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy import special, stats

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.rivals.entropy_min import EntropyMin

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def _terms(method: EntropyMin, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def test_entropy_of_two_voxels_worked_by_hand(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """Unlabelled: (1/2, 1/2) has 1 part of ln 2, (1/4, 3/4) has 0.811278; their mean is 0.905639.

    The labelled crop, (0.9, 0.1) everywhere, costs -ln 0.9 = 0.105361 in cross-entropy. Its own entropy is 0.468996
    parts of ln 2, so that all four voxels have (2 x 0.905639 + 2 x 0.468996) / 4 = 0.687318.
    """
    probs = torch.tensor([[[0.9, 0.9], [0.1, 0.1]], [[0.5, 0.25], [0.5, 0.75]]])[:, :, None, None]
    for crops, entropy in (("all", 0.687318), ("unlabeled", 0.905639)):
        method = EntropyMin(make_config({"entropy_min.entropy_of": crops}), 1, 2)
        method.networks["student"] = fixed_network(probs)
        terms = _terms(method, tiny_crops(1, 1, 2))
        assert terms["entropy"].value.item() == pytest.approx(entropy, abs=1e-6)
        assert terms["cross_entropy"].value.item() == pytest.approx(0.105361, abs=1e-6)
        terms["entropy"].value.backward()
        gradient = method.networks["student"].logits.grad
        assert bool(gradient[0].any()) == (crops == "all")
        assert gradient[1, :, 0, 0, 1].all()


def test_entropy_equals_scipys_on_the_networks_own_outputs(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method = EntropyMin(make_config({"entropy_min.entropy_of": "unlabeled"}), 1, 4)
    returned: list[Any] = []
    method.networks["student"].register_forward_hook(lambda _, given, features: returned.append(features))
    value = _terms(method, make_batch(classes=4))["entropy"].value
    probs = special.softmax(returned[0].logits[2:].detach().double().numpy(), 1)
    assert value.item() == pytest.approx(stats.entropy(probs, base=4, axis=1).mean(), abs=1e-6)


def test_weight_is_the_fields_ramped_up_or_the_papers_and_constant(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """10 steps, so t_max = 9; at t = 3 the ramp is exp(-5 (2/3)^2) = 0.108368."""
    fields, papers = (
        EntropyMin(make_config(changes), 1, 2)
        for changes in ({}, {"entropy_min.entropy": 0.001, "entropy_min.ramp_up_fraction": 0.0})
    )
    for step, ramp in ((0, 0.006738), (3, 0.108368), (9, 1)):
        for method, weight in ((fields, 0.1 * ramp), (papers, 0.001)):
            weights = {name: term.weight for name, term in _terms(method, make_batch(), step).items()}
            assert weights == pytest.approx({"cross_entropy": 0.5, "dice": 0.5, "entropy": weight}, abs=1e-6)


def test_one_forward_sees_all_crops_as_they_are(
    make_config: MakeConfig, make_batch: MakeBatch, fixed_network: Any
) -> None:
    method, batch = EntropyMin(make_config(), 1, 2), make_batch()
    student = fixed_network(torch.full((4, 2, 16, 8, 8), 0.5))
    method.networks["student"] = student
    _terms(method, batch)
    assert len(student.images) == 1
    assert torch.equal(student.images[0], torch.cat((batch.image_labeled, batch.image_unlabeled)))
    assert student.parts == [(2, 2)]


def test_student_is_the_only_network(make_config: MakeConfig) -> None:
    method = EntropyMin(make_config(), 1, 2)
    assert list(method.networks) == list(method.segmenters()) == ["student"]

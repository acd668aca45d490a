import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.rivals.cps import CPS
from simcvd.methods.rivals.supervised import Supervised

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
NETWORKS = ("student", "peer")


def _terms(method: CPS, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def _vector(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def _foreground(crops: list[list[float]]) -> Tensor:
    """Return probabilities `[B, 2, 1, 1, V]` from each crop's foreground probabilities."""
    foreground = torch.tensor(crops)[:, None, None, None]
    return torch.cat((1 - foreground, foreground), 1)


def test_cross_terms_of_two_voxels_worked_by_hand(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """Foreground of the labelled crop: the student says 0.2, 0.2, the peer 0.1, 0.6, so its labels are 0 and 1.

    The student pays (-ln 0.8 - ln 0.2) / 2 = 0.916291, the peer for labels 0, 0 (-ln 0.9 - ln 0.4) / 2 = 0.510826.
    Unlabelled: the student says 0.7, 0.4, labels 1, 0, the peer 0.8, 0.9, labels 1, 1.
    The student pays (-ln 0.7 - ln 0.4) / 2 = 0.636483, the peer (-ln 0.8 - ln 0.1) / 2 = 1.262864.
    Sums of both parts: 1.552774 and 1.773690. On the unlabelled crop they agree on one voxel of two.
    """
    for crops, costs in (("all", (1.552774, 1.773690)), ("unlabeled", (0.636483, 1.262864))):
        method = CPS(make_config({"cps.cross_on": crops}), 1, 2)
        method.networks["student"] = fixed_network(_foreground([[0.2, 0.2], [0.7, 0.4]]))
        method.networks["peer"] = fixed_network(_foreground([[0.1, 0.6], [0.8, 0.9]]))
        terms = _terms(method, tiny_crops(1, 1, 2))
        assert [terms[f"cross_{name}"].value.item() for name in NETWORKS] == pytest.approx(costs, abs=1e-6)
        assert terms["cross_entropy_student"].value.item() == pytest.approx(-math.log(0.8), abs=1e-6)
        assert terms["cross_entropy_peer"].value.item() == pytest.approx(-math.log(0.9 * 0.4) / 2, abs=1e-6)
        diagnostics = {name: value.item() for name, value in method.diagnostics.items()}
        assert diagnostics == {"agreement": 0.5, "pseudo_foreground": 0.5}


def test_cross_terms_equal_the_papers_formula_on_the_networks_own_outputs(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = CPS(make_config(), 1, 3)
    logits: dict[str, np.ndarray] = {}
    for name in NETWORKS:
        method.networks[name].register_forward_hook(
            lambda _, given, features, name=name: logits.update({name: features.logits.detach().double().numpy()})
        )
    terms = _terms(method, make_batch(classes=3))
    log_probs = {name: special.log_softmax(logits[name], 1) for name in NETWORKS}
    for name, other in (("student", "peer"), ("peer", "student")):
        labels = np.eye(3)[logits[other].argmax(1)]  # [B, X, Y, Z, C]
        costs = -(np.moveaxis(labels, -1, 1) * log_probs[name]).sum(1)
        expected = costs[:2].mean() + costs[2:].mean()
        assert terms[f"cross_{name}"].value.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("learner", "other"), [NETWORKS, NETWORKS[::-1]])
def test_cross_term_teaches_one_network_and_leaves_the_other_alone(
    learner: str, other: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = CPS(make_config(), 1, 2)
    _terms(method, make_batch())[f"cross_{learner}"].value.backward()
    assert all(parameter.grad is not None for parameter in method.networks[learner].parameters())
    assert all(parameter.grad is None for parameter in method.networks[other].parameters())


def test_weights_are_halves_and_the_papers_ramped_up(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """10 steps, so t_max = 9; at t = 3 the ramp is exp(-5 (2/3)^2) = 0.108368."""
    weights = {name: term.weight for name, term in _terms(CPS(make_config(), 1, 2), make_batch(), 3).items()}
    halves = {f"{half}_{name}": 0.5 for name in NETWORKS for half in ("cross_entropy", "dice")}
    assert weights == pytest.approx(halves | {f"cross_{name}": 1.5 * 0.108368 for name in NETWORKS}, abs=1e-6)


def test_networks_see_the_same_crops_as_they_are_with_dropout_masks_of_their_own(
    make_config: MakeConfig, make_batch: MakeBatch, fixed_network: Any
) -> None:
    method, batch = CPS(make_config(), 1, 2), make_batch()
    for name in NETWORKS:
        method.networks[name] = fixed_network(torch.full((4, 2, 16, 8, 8), 0.5))
    _terms(method, batch)
    for name in NETWORKS:
        network = method.networks[name]
        assert len(network.images) == 1
        assert torch.equal(network.images[0], torch.cat((batch.image_labeled, batch.image_unlabeled)))
        assert network.names == [name]
        assert network.parts == [(2, 2)]


def test_initial_weights_differ_and_the_students_are_those_of_supervised_training(make_config: MakeConfig) -> None:
    networks = CPS(make_config(), 1, 2).networks
    assert list(networks) == list(NETWORKS)
    assert torch.equal(_vector(networks["student"]), _vector(Supervised(make_config(), 1, 2).networks["student"]))
    assert not torch.isclose(_vector(networks["student"]), _vector(networks["peer"])).all()


def test_both_networks_segment_and_the_student_comes_first(make_config: MakeConfig) -> None:
    assert list(CPS(make_config(), 1, 2).segmenters()) == list(NETWORKS)

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.losses.pseudo_label import pseudo_label
from simcvd.methods.base import Batch, Term
from simcvd.methods.later.streams import strong_stream
from simcvd.methods.later.unimatch import UniMatch
from simcvd.methods.rivals.supervised import Supervised
from simcvd.networks.base import Features, Network

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
Array = np.ndarray[Any, Any]


def _noted(network: Any, monkeypatch: pytest.MonkeyPatch) -> list[Array]:
    """Return a list that takes the logits of every pass."""
    assert isinstance(network, Network)
    seen: list[Array] = []

    def note(compute: Callable[..., Features], *given: Tensor) -> Features:
        features = compute(*given)
        seen.append(features.logits.detach().double().numpy())
        return features

    monkeypatch.setattr(network, "features", functools.partial(note, network.features))
    return seen


def _dice_loss(logits: Array, target: Array, threshold: float, classes: range) -> float:
    """Return 1 less the mean Dice of hard labels, over the voxels where the target is sure."""
    assert len(np.unique(target.argmax(1))) > 1
    probs, sure = special.softmax(logits, 1), special.softmax(target, 1).max(1) >= threshold
    assert 0 < sure.mean() < 1
    scores = []
    for value in classes:
        p, y = probs[:, value][sure], (target.argmax(1) == value)[sure]
        scores.append((2 * (p * y).sum() + 1e-5) / ((p**2).sum() + y.sum() + 1e-5))
    return float(1 - np.mean(scores))


def _terms(method: UniMatch, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def test_terms_equal_the_public_formula_on_the_students_own_outputs(
    make_config: MakeConfig, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pass gives labelled, plain and perturbed predictions, one both strong views; without boxes, no labels mix."""
    method = UniMatch(make_config({"unimatch.box_probability": 0, "unimatch.threshold": 0.5}), 1, 3)
    student = method.networks["student"]
    student.heads.weight.data.normal_(generator=torch.Generator().manual_seed(0))  # all classes are predicted
    seen = _noted(student, monkeypatch)
    terms = _terms(method, make_batch(classes=3))
    first, strong = seen
    assert (len(first), len(strong)) == (6, 4)
    plain = first[2:4]
    expected = {
        "feature": _dice_loss(first[4:], plain, 0.5, range(3)),
        "strong": np.mean([_dice_loss(view, plain, 0.5, range(3)) for view in (strong[:2], strong[2:])]),
    }
    assert {name: terms[name].value.item() for name in expected} == pytest.approx(expected, rel=1e-5)
    certain = (special.softmax(plain, 1).max(1) >= 0.5).mean()
    assert method.diagnostics["certain"].item() == pytest.approx(certain, abs=1e-6)
    weights = {name: term.weight for name, term in terms.items()}
    assert weights == {"cross_entropy": 0.5, "dice": 0.5, "strong": 0.5, "feature": 0.5}


def test_each_strong_view_is_asked_for_its_own_mixed_labels(
    make_config: MakeConfig, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, batch = (
        UniMatch(make_config({"unimatch.box_probability": 1, "unimatch.threshold": 0.5}), 1, 3),
        make_batch(),
    )
    student = method.networks["student"]
    student.heads.weight.data.normal_(generator=torch.Generator().manual_seed(0))
    seen = _noted(student, monkeypatch)
    value = _terms(method, batch)["strong"].value.item()
    plain, strong = seen[0][2:4], seen[1]
    target = pseudo_label(torch.from_numpy(special.softmax(plain, 1)).float())
    losses = []
    for name, logits in (("strong/first", strong[:2]), ("strong/second", strong[2:])):
        _, (mixed,) = strong_stream(batch.image_unlabeled, [target], method.config.unimatch, Draws(0, 0), name, None)
        sure = (mixed.confidence >= 0.5).numpy()
        labels = np.moveaxis(np.eye(3)[mixed.label.numpy()], -1, 1)
        probs = special.softmax(logits, 1)
        scores = [
            (2 * (p * y).sum() + 1e-5) / ((p**2).sum() + y.sum() + 1e-5)
            for p, y in ((probs[:, value][sure], labels[:, value][sure]) for value in range(3))
        ]
        losses.append(1 - np.mean(scores))
    assert value == pytest.approx(np.mean(losses), rel=1e-4)


def test_labels_below_the_threshold_cost_nothing(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    terms = _terms(UniMatch(make_config({"unimatch.threshold": 1.0}), 1, 2), make_batch())
    assert terms["strong"].value.item() == terms["feature"].value.item() == 0


def test_strong_views_are_different_and_labels_carry_no_gradient(
    make_config: MakeConfig, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = UniMatch(make_config({"unimatch.threshold": 0.0, "unimatch.feature": 0.0}), 1, 2)
    student, given = method.networks["student"], []
    student.register_forward_hook(lambda _, inputs, output: given.append(inputs[0]))
    terms = _terms(method, make_batch())
    (views,) = given
    assert not torch.allclose(views[:2], views[2:])
    assert "feature" not in terms
    graph = torch.autograd.grad(terms["strong"].value, list(student.parameters()), retain_graph=True)
    assert all(gradient.isfinite().all() for gradient in graph)


def test_initial_weights_are_those_of_supervised_training(make_config: MakeConfig) -> None:
    own = UniMatch(make_config(), 1, 2).networks["student"].state_dict()
    other = Supervised(make_config(), 1, 2).networks["student"].state_dict()
    assert all(torch.equal(own[key], value) for key, value in other.items())

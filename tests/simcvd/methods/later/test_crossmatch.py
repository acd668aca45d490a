import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.later.crossmatch import CrossMatch
from simcvd.networks.base import Features, Network

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
Array = np.ndarray[Any, Any]
FIRST, LAST = 0.55, 0.65


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


def _terms(method: CrossMatch, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def _dice_loss(logits: Array, target: Array, least: float) -> float:
    """Return 1 less the mean Dice of the foreground classes, over the voxels where the target is sure."""
    assert len(np.unique(target.argmax(1))) > 1
    probs, sure = special.softmax(logits, 1), special.softmax(target, 1).max(1) >= least
    assert 0 < sure.mean() < 1
    scores = []
    for value in (1, 2):
        p, y = probs[:, value][sure], (target.argmax(1) == value)[sure]
        scores.append((2 * (p * y).sum() + 1e-5) / ((p**2).sum() + y.sum() + 1e-5))
    return float(1 - np.mean(scores))


@pytest.mark.parametrize("step", [0, 3, 9])
def test_terms_equal_the_public_formula_on_the_students_own_outputs(
    step: int, make_config: MakeConfig, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labelled, plain, weak and strong from one pass; first view, second view, its weak and strong from the other."""
    changes = {
        "crossmatch.box_probability": 0,
        "crossmatch.first_threshold": FIRST,
        "crossmatch.last_threshold": LAST,
    }
    method = CrossMatch(make_config(changes), 1, 3)
    student = method.networks["student"]
    student.heads.weight.data.normal_(generator=torch.Generator().manual_seed(0))  # all classes are predicted
    seen = _noted(student, monkeypatch)
    terms = _terms(method, make_batch(classes=3), step)
    (_, plain, weak, strong), (one, two, two_weak, two_strong) = (np.split(logits, 4) for logits in seen)
    least = FIRST + (LAST - FIRST) * math.exp(-5 * (1 - step / 9) ** 2)
    loss = functools.partial(_dice_loss, least=least)
    expected = {
        "image": (loss(one, plain) + loss(two, plain)) / 2,
        "teacher_distillation": np.mean([loss(own, plain) for own in (weak, strong, two_weak, two_strong)]),
        "decoder_distillation": (loss(two_weak, weak) + loss(two_strong, strong)) / 2,
    }
    assert {name: terms[name].value.item() for name in expected} == pytest.approx(expected, rel=1e-5)
    weights = {name: term.weight for name, term in terms.items()}
    halves = {"cross_entropy": 0.5, "dice": 0.5}
    assert weights == halves | {"image": 0.5, "teacher_distillation": 0.7, "decoder_distillation": 0.3}


def test_without_distillation_nothing_is_decoded_twice(
    make_config: MakeConfig, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = {"crossmatch.teacher_distillation": 0.0, "crossmatch.decoder_distillation": 0.0}
    method = CrossMatch(make_config(off), 1, 2)
    seen = _noted(method.networks["student"], monkeypatch)
    assert set(_terms(method, make_batch())) == {"cross_entropy", "dice", "image"}
    assert [len(logits) for logits in seen] == [4, 4]

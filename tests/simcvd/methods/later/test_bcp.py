from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.later.bcp import BCP
from simcvd.transforms.boxes import draw_boxes

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
SHAPE = (16, 8, 8)
SIDE = 0.6667


def _terms(method: BCP, batch: Batch, step: int) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def _calls(method: BCP, name: str) -> list[tuple[Tensor, Tensor]]:
    """Record what a network is given and its logits."""
    seen: list[tuple[Tensor, Tensor]] = []
    method.networks[name].register_forward_hook(
        lambda _, given, returned: seen.append((given[0], returned.logits.detach().double()))
    )
    return seen


def _halves(logits: Tensor, label: Tensor, mask: Tensor) -> tuple[float, float]:
    """Return cross-entropy and soft Dice loss of the foreground on the voxels of a mask."""
    log_probs, inside = special.log_softmax(logits.numpy(), 1), mask.numpy()
    chosen = np.take_along_axis(log_probs, label.numpy()[:, None], 1)[:, 0]
    p, y = np.exp(log_probs[:, 1])[inside], label.numpy()[inside] == 1
    dice = (2 * (p * y).sum() + 1e-5) / ((p**2).sum() + y.sum() + 1e-5)
    return float(-chosen[inside].mean()), float(1 - dice)


def test_second_stage_equals_the_papers_formula_on_the_networks_own_outputs(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = BCP(make_config({"bcp.largest_piece": False}), 1, 2), make_batch()
    student, teacher = _calls(method, "student"), _calls(method, "teacher")
    terms = _terms(method, batch, 1)
    ((mixed, logits),), ((taught, labels),) = student, teacher
    assert torch.equal(taught, batch.image_unlabeled)
    pseudo = labels.argmax(1)
    inside = draw_boxes(Draws(0, 1), "box", 2, SIDE).mask(SHAPE)
    assert torch.equal(mixed[:2], torch.where(inside[:, None], batch.image_unlabeled, batch.image_labeled))
    assert torch.equal(mixed[2:], torch.where(inside[:, None], batch.image_labeled, batch.image_unlabeled))
    known = np.add(_halves(logits[:2], batch.label, ~inside), _halves(logits[2:], batch.label, inside))
    guessed = np.add(_halves(logits[:2], pseudo, inside), _halves(logits[2:], pseudo, ~inside))
    names = ("cross_entropy", "dice")
    assert [terms[name].value.item() for name in names] == pytest.approx(known, rel=1e-5)
    assert [terms[f"pseudo_{name}"].value.item() for name in names] == pytest.approx(guessed, rel=1e-5)
    weights = {name: term.weight for name, term in terms.items()}
    assert weights == {"cross_entropy": 0.5, "dice": 0.5, "pseudo_cross_entropy": 0.25, "pseudo_dice": 0.25}
    assert method.diagnostics["pseudo_foreground"].item() == pytest.approx(pseudo.double().mean().item())


def test_first_stage_pastes_labelled_crops_into_each_other(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method = BCP(make_config(), 1, 2)
    counted = torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0)) < 0.6
    for batch in (make_batch(), replace(make_batch(), counted=counted)):
        student, teacher = _calls(method, "student"), _calls(method, "teacher")
        terms = _terms(method, batch, 0)
        ((mixed, logits),) = student
        assert not teacher
        inside = draw_boxes(Draws(0, 0), "box", 2, SIDE).mask(SHAPE)
        image, label = batch.image_labeled, batch.label
        assert torch.equal(mixed, torch.where(inside[:, None], image[[1, 0]], image))
        label = torch.where(inside, label[[1, 0]], label)
        known = torch.ones_like(inside) if batch.counted is None else torch.where(inside, counted[[1, 0]], counted)
        expected = _halves(logits, label, known)
        assert [terms[name].value.item() for name in ("cross_entropy", "dice")] == pytest.approx(expected, rel=1e-5)
        assert set(terms) == {"cross_entropy", "dice"}


def test_pseudo_labels_are_largest_pieces_where_asked(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """The teacher sees foreground in voxels 0, 1 and 3 of 6; the last one is no part of the largest piece."""
    foreground = torch.tensor([0.9, 0.9, 0.1, 0.9, 0.1, 0.1]).view(1, 1, 1, 1, 6)
    for largest, share in ((True, 2 / 6), (False, 3 / 6)):
        method = BCP(make_config({"bcp.largest_piece": largest}), 1, 2)
        method.networks["teacher"] = fixed_network(torch.cat((1 - foreground, foreground), 1))
        method.networks["student"] = fixed_network(torch.full((2, 2, 1, 1, 6), 0.5))
        _terms(method, tiny_crops(1, 1, 6), 5)
        assert method.diagnostics["pseudo_foreground"].item() == pytest.approx(share)


def test_teacher_is_the_student_in_the_first_stage_and_follows_it_in_the_second(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: Callable[..., list[Term]]
) -> None:
    """With 10 steps the first stage has 3 of 0.3; decays are then 0, 1/2, at most 0.6."""
    method = BCP(make_config({"bcp.pretraining_fraction": 0.3, "bcp.teacher_decay": 0.6}), 1, 2)
    student, teacher = (next(method.networks[name].parameters()) for name in ("student", "teacher"))
    before = teacher.clone()
    for step, decay in enumerate((0, 0, 0, 0, 0.5, 0.6)):
        before = teacher.clone()
        train_step(method, make_batch(step=step), step)
        torch.testing.assert_close(teacher.data, decay * before + (1 - decay) * student.data)


def test_stages_have_an_optimiser_each_and_the_second_one_the_schedule(make_config: MakeConfig) -> None:
    """20 steps, 4 of them in the first stage; the rate drops after half of the other 16."""
    method = BCP(make_config({"training.steps": 20, "bcp.pretraining_fraction": 0.2}), 1, 2)
    rates = []
    for step in range(20):
        method.before_step(step)
        (optimiser,) = method.stepping(step)
        assert (optimiser is method.optimisers["pretraining"]) == (step < 4)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01] * 12 + [0.001] * 8)


def test_more_unlabelled_than_labelled_crops_are_paired_in_turn(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method, batch = BCP(make_config(), 1, 2), make_batch()
    student = _calls(method, "student")
    _terms(method, replace(batch, image_unlabeled=torch.cat((batch.image_unlabeled, batch.image_unlabeled + 1))), 1)
    ((mixed, _),) = student
    inside = draw_boxes(Draws(0, 1), "box", 4, SIDE).mask(SHAPE)
    own = batch.image_labeled[[0, 0, 1, 1]]
    assert torch.equal(mixed[:4] * ~inside[:, None], own * ~inside[:, None])
    assert torch.equal(mixed[4:] * inside[:, None], own * inside[:, None])

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.later.ad_mt import ADMT, TEACHERS
from simcvd.methods.later.turns import Turns

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
FIRST_ALONE, SECOND_ALONE = Turns([0], [0]), Turns([0, 0], [0, 0])


def _terms(method: ADMT, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def _foreground(crops: list[list[float]]) -> Tensor:
    """Return probabilities `[B, 2, 1, 1, V]` from each crop's foreground probabilities."""
    foreground = torch.tensor(crops)[:, None, None, None]
    return torch.cat((1 - foreground, foreground), 1)


def test_cross_entropy_of_three_voxels_worked_by_hand(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """The teachers say 0.9, 0.9, 0.6 and 0.9, 0.2, 0.7 for the foreground; they differ in the second voxel.

    Voxel A: 0.9 together, label 1, counts. Voxel B: entropies 0.468996 and 0.721928 bits, w = 1 / (1 + e^(0.468996 -
    0.721928)) = 0.562898, together 0.562898 x 0.9 + 0.437102 x 0.2 = 0.594029, label 1; the student says 0.05 for the
    crop as it is, so label 0 with 0.95 counts. Voxel C: at most 0.7 together, left out. The student's prediction for
    the strong view says 0.8, 0.3, 0.5: (-ln 0.8 - ln 0.7) / 2 = 0.289909.
    """
    method = ADMT(make_config(), 1, 2)
    method.turns = FIRST_ALONE
    method.networks["teacher"] = fixed_network(_foreground([[0.9, 0.9, 0.6]]))
    method.networks["second_teacher"] = fixed_network(_foreground([[0.9, 0.2, 0.7]]))
    method.networks["student"] = fixed_network(_foreground([[0.1] * 3, [0.9, 0.05, 0.6], [0.8, 0.3, 0.5]]))
    term = _terms(method, tiny_crops(1, 1, 3))["unlabeled"]
    assert term.value.item() == pytest.approx(0.289909, abs=1e-6)
    assert {name: value.item() for name, value in method.diagnostics.items()} == pytest.approx(
        {"conflict": 1 / 3, "certain": 2 / 3}
    )


@pytest.mark.parametrize("turns", [FIRST_ALONE, SECOND_ALONE])
def test_term_equals_the_papers_formula_on_the_networks_own_outputs(
    turns: Turns, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """The next crop's voxels in the box, and its labels with them, where the second teacher's turn it is."""
    method, batch = ADMT(make_config({"ad_mt.threshold": 0.5}), 1, 3), make_batch(classes=3)
    method.turns = turns
    with torch.no_grad():
        for seed, (name, size) in enumerate({"student": 5.0, "teacher": 1.0, "second_teacher": 1.0}.items()):
            weight = method.networks[name].heads.weight
            weight.copy_(size * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)))
    calls: dict[str, tuple[Tensor, np.ndarray[Any, Any]]] = {}
    for name in ("student", *TEACHERS):
        method.networks[name].register_forward_hook(
            lambda _, given, returned, name=name: calls.update(
                {name: (given[0], special.softmax(returned.logits.detach().double().numpy(), 1))}
            )
        )
    value = _terms(method, batch)["unlabeled"].value.item()
    first, second = (calls[name][1] for name in TEACHERS)
    trust = [np.exp(-stats.entropy(probs, base=2, axis=1))[:, None] for probs in (first, second)]
    ensemble = (trust[0] * first + trust[1] * second) / (trust[0] + trust[1])
    image, probs = calls["student"]
    weak, strong = probs[2:4], probs[4:]
    label, sure = ensemble.argmax(1), ensemble.max(1)
    own = (first.argmax(1) != second.argmax(1)) & (weak.argmax(1) != label) & (weak.max(1) > sure)
    assert own.any()
    label, sure = np.where(own, weak.argmax(1), label), np.where(own, weak.max(1), sure)
    plain, view = image[2:4], image[4:]
    assert torch.equal(plain, batch.image_unlabeled)
    if turns is SECOND_ALONE:
        inside = (view != plain)[:, 0].numpy()
        assert 0 < inside.mean() < 1
        assert torch.equal(view[:, 0][torch.from_numpy(inside)], plain[[1, 0], 0][torch.from_numpy(inside)])
        label, sure = np.where(inside, label[[1, 0]], label), np.where(inside, sure[[1, 0]], sure)
    else:
        assert not torch.allclose(view, plain)
    costs = -np.log(np.take_along_axis(strong, label[:, None], 1)[:, 0])
    assert value == pytest.approx(costs[sure >= 0.5].mean(), rel=1e-5)


def test_weight_is_2_after_four_tenths_of_the_steps(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """Of 10 steps, t_max is 3.6: the ramp is exp(-5) at step 0, exp(-5 (1 - 2 / 3.6)^2) at step 2 and 1 at step 4."""
    method = ADMT(make_config(), 1, 2)
    for step, ramp in ((0, math.exp(-5)), (2, math.exp(-5 * (1 - 2 / 3.6) ** 2)), (4, 1)):
        assert _terms(method, make_batch(), step)["unlabeled"].weight == pytest.approx(2 * ramp)


def test_a_teacher_is_the_average_over_its_own_turns_and_rests_in_eval_mode(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: Callable[..., list[Term]]
) -> None:
    """Turns of two steps: each teacher starts as the student, then decays are 1/2, 2/3, at most 0.7."""
    method = ADMT(make_config({"ad_mt.teacher_decay": 0.7}), 1, 2)
    method.turns = Turns([0, 2, 4, 6], [0, 0, 2, 2])
    student = method.networks["student"]
    for step, decay in enumerate((0, 0.5, 0, 0.5, 2 / 3, 0.7, 2 / 3)):
        turn = (step // 2) % 2
        own, other = (method.networks[TEACHERS[number]] for number in (turn, 1 - turn))
        before, resting = ([tensor.clone() for tensor in network.state_dict().values()] for network in (own, other))
        train_step(method, make_batch(step=step), step)
        assert (own.training, other.training) == (True, False)
        assert all(torch.equal(*pair) for pair in zip(other.state_dict().values(), resting, strict=True))
        weights = dict(own.named_parameters())
        for (key, found), earlier in zip(own.state_dict().items(), before, strict=True):
            if key in weights:
                torch.testing.assert_close(found, decay * earlier + (1 - decay) * student.state_dict()[key])
            elif decay == 0:
                assert torch.equal(found, student.state_dict()[key]), key


def test_gradients_reach_the_student_alone_and_all_three_segment(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = ADMT(make_config({"ad_mt.threshold": 0.0}), 1, 2)
    _terms(method, make_batch())["unlabeled"].value.backward()
    assert all(parameter.grad is not None for parameter in method.networks["student"].parameters())
    assert all(parameter.grad is None for name in TEACHERS for parameter in method.networks[name].parameters())
    assert list(method.segmenters()) == ["student", *TEACHERS]

from collections.abc import Callable
from typing import Any

import pytest
import torch

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.rivals.mean_teacher import MeanTeacher
from simcvd.methods.rivals.ua_mt import UAMT

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def _probs(crops: list[list[float]]) -> torch.Tensor:
    foreground = torch.tensor(crops)[:, None, None, None]
    return torch.cat((1 - foreground, foreground), 1)


def test_consistency_of_two_voxels_worked_by_hand(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """Step 3 of 10: the ramp is exp(-5 (2/3)^2) = 0.108368. The student's second crop is the unlabelled one.

    Foreground 0.7 and 0.5 against the teacher's 0.9 and 0.4: (0.04 + 0.01) / 2 = 0.025, for each class alike.
    """
    method = MeanTeacher(make_config({"mean_teacher.consistency": 0.1, "mean_teacher.ramp_up_fraction": 1.0}), 1, 2)
    student, teacher = fixed_network(_probs([[0.1, 0.1], [0.7, 0.5]])), fixed_network(_probs([[0.9, 0.4]]))
    method.networks["student"], method.networks["teacher"] = student, teacher
    terms = {term.name: term for term in method.terms(tiny_crops(1, 1, 2), 3, Draws(0, 3))}
    assert terms["consistency"].value.item() == pytest.approx(0.025, abs=1e-6)
    assert terms["consistency"].weight == pytest.approx(0.1 * 0.108368, abs=1e-6)
    terms["consistency"].value.backward()
    assert teacher.logits.grad is None
    assert student.logits.grad[0].eq(0).all()
    assert student.logits.grad[1].ne(0).all()


def test_each_network_sees_the_unlabelled_crops_under_noise_of_its_own(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    method = MeanTeacher(make_config(), 1, 2)
    student, teacher = fixed_network(torch.full((2, 2, 1, 1, 2), 0.5)), fixed_network(torch.full((1, 2, 1, 1, 2), 0.5))
    method.networks["student"], method.networks["teacher"] = student, teacher
    method.terms(tiny_crops(1, 1, 2), 0, Draws(0, 0))
    labeled, noisy = student.images[0]
    assert labeled.eq(0).all()
    assert noisy.ne(0).all()
    assert teacher.images[0].ne(0).all()
    assert not torch.equal(noisy, teacher.images[0][0])


@pytest.mark.parametrize(("name", "create"), [("mean_teacher", MeanTeacher), ("ua_mt", UAMT)])
def test_noise_on_the_teacher_alone_leaves_the_students_crops_as_they_are(
    name: str,
    create: type[MeanTeacher] | type[UAMT],
    make_config: MakeConfig,
    tiny_crops: MakeBatch,
    fixed_network: Any,
) -> None:
    method = create(make_config({f"{name}.noise_on": "teacher", "ua_mt.passes": 1}), 1, 2)
    views = 2 if name == "ua_mt" else 1
    student, teacher = (fixed_network(torch.full((crops, 2, 1, 1, 2), 0.5)) for crops in (2, views))
    method.networks["student"], method.networks["teacher"] = student, teacher
    method.terms(tiny_crops(1, 1, 2), 0, Draws(0, 0))
    assert student.images[0].eq(0).all()
    assert teacher.images[0].ne(0).all()

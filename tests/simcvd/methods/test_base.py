from collections.abc import Callable

import pytest
import torch

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.rivals.mean_teacher import MeanTeacher
from simcvd.methods.rivals.supervised import Supervised

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def test_before_a_step_all_networks_train_and_the_rate_is_the_steps(make_config: MakeConfig) -> None:
    method = Supervised(make_config({"training.learning_rate_drop_fraction": 0.5}), 1, 2)
    method.networks.eval()
    for step, rate in ((0, 0.01), (5, 0.001)):
        method.before_step(step)
        assert method.networks["student"].training
        assert method.optimisers["sgd"].param_groups[0]["lr"] == pytest.approx(rate)
    assert list(method.stepping(0)) == [method.optimisers["sgd"]]


def test_after_a_step_the_teacher_moves_towards_the_student(make_config: MakeConfig) -> None:
    """At the first step the average of one network is that network."""
    method = MeanTeacher(make_config(), 1, 2)
    student, teacher = (next(method.networks[name].parameters()) for name in ("student", "teacher"))
    with torch.no_grad():
        student.add_(1)
    assert not torch.equal(student, teacher)
    method.after_step(0)
    torch.testing.assert_close(teacher, student.detach())


def test_a_trial_is_judged_by_its_student_first(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method = MeanTeacher(make_config(), 1, 2)
    assert list(method.segmenters()) == ["student", "teacher"]
    image = make_batch().image_labeled
    with torch.no_grad():
        expected = method.networks["student"].eval()(image, Draws(0, 0), "student", None).logits
        torch.testing.assert_close(method.segmenters()["student"](image), expected)

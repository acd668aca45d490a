from collections.abc import Callable
from typing import Any

import torch

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.rivals.supervised import Supervised

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def test_the_loss_is_that_of_the_labelled_crops_alone(
    make_config: MakeConfig, make_batch: MakeBatch, fixed_network: Any
) -> None:
    method, batch = Supervised(make_config(), 1, 2), make_batch()
    student = fixed_network(torch.full((2, 2, 16, 8, 8), 0.5))
    method.networks["student"] = student
    terms = method.terms(batch, 0, Draws(0, 0))
    assert not method.needs_unlabeled
    assert [(term.name, term.weight) for term in terms] == [("cross_entropy", 0.5), ("dice", 0.5)]
    (given,) = student.images
    assert torch.equal(given, batch.image_labeled)


def test_there_is_no_teacher(make_config: MakeConfig) -> None:
    method = Supervised(make_config(), 1, 2)
    assert list(method.networks) == list(method.segmenters()) == ["student"]

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.rivals.dan import DAN

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def _method(make_config: MakeConfig, image_channels: int, classes: int, **settings: Any) -> DAN:
    given = {"discriminator_width": 4} | settings
    return DAN(make_config({f"dan.{key}": value for key, value in given.items()}), image_channels, classes)


def test_terms_are_the_papers_on_what_both_networks_return(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """The discriminator's outputs are logits z of "unlabelled" and "labelled".

    Segmenter: `-mean_u log softmax(z_u)[1]` of what it says without dropout. Discriminator: `-log softmax(z)[1]` for
    the first two crops and `-log softmax(z)[0]` for the others, of what it says with dropout, the mean of all four.
    """
    method, batch = _method(make_config, 1, 2), make_batch()
    judged: list[np.ndarray] = []
    method.networks["discriminator"].register_forward_hook(
        lambda _, given, returned: judged.append(returned.detach().double().numpy())
    )
    method.before_step(0)
    terms = {term.name: term.value.item() for term in method.terms(batch, 0, Draws(0, 0))}
    against, own = judged
    assert against.shape == (2, 2)
    assert own.shape == (4, 2)
    assert terms["adversarial"] == pytest.approx(-log_softmax(against, 1)[:, 1].mean(), rel=1e-6)
    chances = log_softmax(own, 1)
    expected = -(chances[0, 1] + chances[1, 1] + chances[2, 0] + chances[3, 0]) / 4
    assert terms["discriminator"] == pytest.approx(expected, rel=1e-6)


def test_weights_ramp_up_for_the_segmenter_only(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """10 steps, so t_max = 9; at t = 3 the ramp is exp(-5 (2/3)^2) = 0.108368."""
    method = _method(make_config, 1, 2)
    weights = {term.name: term.weight for term in method.terms(make_batch(), 3, Draws(0, 3))}
    assert weights == pytest.approx(
        {"cross_entropy": 0.5, "dice": 0.5, "adversarial": 0.1 * math.exp(-20 / 9), "discriminator": 1}
    )


def test_discriminator_sees_every_class_probability_and_every_image_channel(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = _method(make_config, 2, 4), make_batch(image_channels=2, classes=4)
    logits: list[torch.Tensor] = []
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    method.networks["student"].register_forward_hook(lambda _, given, returned: logits.append(returned.logits))
    method.networks["discriminator"].register_forward_pre_hook(lambda _, given: seen.append(given[:2]))
    method.before_step(0)
    method.terms(batch, 0, Draws(0, 0))
    assert len(logits) == 1
    probs = softmax(logits[0].detach().numpy(), 1)
    for (maps, image), crops in zip(seen, (slice(2, 4), slice(0, 4)), strict=True):
        np.testing.assert_allclose(maps.detach().numpy(), probs[crops], rtol=1e-5, atol=1e-6)
        assert torch.equal(image, torch.cat((batch.image_labeled, batch.image_unlabeled))[crops])
    assert [maps.requires_grad for maps, _ in seen] == [True, False]


def test_segmenter_that_fools_the_discriminator_lowers_its_term(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """The same crops and masks again after a few steps of the segmenter alone, against a discriminator at rest."""
    method, batch = _method(make_config, 1, 2), make_batch()
    values = []
    for _ in range(5):
        method.before_step(0)
        term = next(term for term in method.terms(batch, 0, Draws(0, 0)) if term.name == "adversarial")
        values.append(term.value.item())
        (100 * term.value).backward()
        method.optimisers["sgd"].step()
        method.networks.zero_grad()
    assert values[-1] < values[0]

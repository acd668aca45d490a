import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.rivals.sassnet import SASSNet
from simcvd.networks.base import Features

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def _method(make_config: MakeConfig, image_channels: int = 1, classes: int = 2, **settings: Any) -> SASSNet:
    given = {"discriminator_width": 4} | settings
    return SASSNet(make_config({f"sassnet.{key}": value for key, value in given.items()}), image_channels, classes)


def _run(method: SASSNet, batch: Batch) -> tuple[dict[str, float], Features, list[np.ndarray], list[Any]]:
    """Return a step's terms, what the V-Net returned, and what the discriminator returned and was given."""
    features: list[Features] = []
    judged: list[np.ndarray] = []
    seen: list[Any] = []
    method.networks["student"].register_forward_hook(lambda _, given, returned: features.append(returned))
    if "discriminator" in method.networks:
        method.networks["discriminator"].register_forward_pre_hook(lambda _, given: seen.append(given[:2]))
        method.networks["discriminator"].register_forward_hook(
            lambda _, given, returned: judged.append(returned.detach().double().numpy())
        )
    method.before_step(0)
    terms = {term.name: term.value.item() for term in method.terms(batch, 0, Draws(0, 0))}
    assert len(features) == 1
    return terms, features[0], judged, seen


def test_terms_are_the_papers_on_what_both_networks_return(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """SDM: mean squared error on the two labelled crops; the discriminator's outputs are logits z.

    Segmenter: `-mean_u log softmax(z_u)[1]` of what it says without dropout. Discriminator: `-log softmax(z)[1]` for
    the first two crops and `-log softmax(z)[0]` for the others, of what it says with dropout, the mean of all four.
    """
    batch = make_batch()
    terms, features, (against, own), _ = _run(_method(make_config), batch)
    assert features.sdm is not None
    error = np.square(features.sdm[:2].detach().double().numpy() - batch.sdm.numpy()).mean()
    assert terms["sdm"] == pytest.approx(error, rel=1e-6)
    assert against.shape == (2, 2)
    assert own.shape == (4, 2)
    assert terms["adversarial"] == pytest.approx(-log_softmax(against, 1)[:, 1].mean(), rel=1e-6)
    chances = log_softmax(own, 1)
    expected = -(chances[0, 1] + chances[1, 1] + chances[2, 0] + chances[3, 0]) / 4
    assert terms["discriminator"] == pytest.approx(expected, rel=1e-6)


def test_weights_ramp_up_for_the_adversarial_term_only(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """10 steps, so t_max = 9; at t = 3 the ramp is exp(-5 (2/3)^2) = 0.108368."""
    method = _method(make_config)
    weights = {term.name: term.weight for term in method.terms(make_batch(), 3, Draws(0, 3))}
    assert weights == pytest.approx(
        {
            "cross_entropy": 0.5,
            "dice": 0.5,
            "sdm": 0.3,
            "adversarial": 0.01 * math.exp(-20 / 9),
            "discriminator": 1,
        }
    )


def test_discriminator_sees_the_sdm_of_every_foreground_class_and_the_image(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = _method(make_config, 2, 4), make_batch(image_channels=2, classes=4)
    _, features, _, seen = _run(method, batch)
    assert features.sdm is not None
    assert features.sdm.shape[1] == 3
    for (maps, image), crops in zip(seen, (slice(2, 4), slice(0, 4)), strict=True):
        assert torch.equal(maps, features.sdm[crops])
        assert torch.equal(image, torch.cat((batch.image_labeled, batch.image_unlabeled))[crops])
    assert [maps.requires_grad for maps, _ in seen] == [True, False]


def test_without_the_sdm_term_the_discriminator_still_shapes_the_sdm(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = _method(make_config, sdm=0.0)
    terms, *_ = _run(method, make_batch())
    assert list(terms) == ["cross_entropy", "dice", "adversarial", "discriminator"]
    assert "sdm_error" in method.diagnostics


def test_diagnostics_are_the_sdms_error_and_the_discriminators_accuracies(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = _method(make_config), make_batch()
    terms, _, (_, own), _ = _run(method, batch)
    found = {name: value.item() for name, value in method.diagnostics.items()}
    right = own.argmax(1) == [1, 1, 0, 0]
    assert found == pytest.approx(
        {
            "sdm_error": terms["sdm"],
            "sdm_error_constant": batch.sdm.var(correction=0).item(),
            "discriminator_accuracy_labeled": right[:2].mean(),
            "discriminator_accuracy_unlabeled": right[2:].mean(),
        },
        rel=1e-5,
    )

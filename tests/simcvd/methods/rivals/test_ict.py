import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.rivals.ict import ICT, beta_draws, partners

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def _terms(method: ICT, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def _foreground(crops: list[list[float]]) -> Tensor:
    """Return probabilities `[B, 2, 1, 1, V]` from each crop's foreground probabilities."""
    foreground = torch.tensor(crops)[:, None, None, None]
    return torch.cat((1 - foreground, foreground), 1)


def test_consistency_of_two_mixed_crops_worked_by_hand(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mixing factors 0.25 and 0.9; images 4 and 8; the teacher says 0.2 on the first crop and 0.6 on the second.

    Mixed images: 0.25 x 4 + 0.75 x 8 = 7 and 0.9 x 8 + 0.1 x 4 = 7.6.
    Targets: 0.25 x 0.2 + 0.75 x 0.6 = 0.5 and 0.9 x 0.6 + 0.1 x 0.2 = 0.56.
    The student says 0.3 and 0.66: (0.2^2 + 0.1^2) / 2 = 0.025.
    """
    monkeypatch.setattr("simcvd.methods.rivals.ict.beta_draws", lambda *_: torch.tensor([0.25, 0.9]))
    batch = tiny_crops(1, 2, 1)
    batch = replace(batch, image_unlabeled=torch.tensor([4.0, 8.0]).view(2, 1, 1, 1, 1))
    method = ICT(make_config(), 1, 2)
    student, teacher = (fixed_network(_foreground(crops)) for crops in ([[0.1], [0.3], [0.66]], [[0.2], [0.6]]))
    method.networks["student"], method.networks["teacher"] = student, teacher
    term = _terms(method, batch)["consistency"]
    assert term.value.item() == pytest.approx(0.025, abs=1e-6)
    assert student.images[0].flatten().tolist() == pytest.approx([0, 7, 7.6])
    assert teacher.images[0].flatten().tolist() == [4, 8]
    term.value.backward()
    assert teacher.logits.grad is None
    assert student.logits.grad[1:].all()


def test_consistency_equals_the_papers_formula_on_the_networks_own_outputs(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = ICT(make_config({"ict.alpha": 1.0}), 2, 3), make_batch(image_channels=2, classes=3)
    calls: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in ("student", "teacher"):
        method.networks[name].register_forward_hook(
            lambda _, given, features, name=name: calls.update(
                {name: (given[0].double().numpy(), features.logits.detach().double().numpy())}
            )
        )
    value = _terms(method, batch)["consistency"].value
    crops, logits = calls["teacher"]
    assert np.array_equal(crops, batch.image_unlabeled.double().numpy())
    probs = special.softmax(logits, 1)
    factor = beta_draws(Draws(0, 0), "mix", 2, 1.0).double().numpy().reshape(2, 1, 1, 1, 1)
    mixed_crops = factor * crops + (1 - factor) * crops[[1, 0]]
    mixed_probs = factor * probs + (1 - factor) * probs[[1, 0]]
    seen, own_logits = calls["student"]
    assert np.array_equal(seen[:2], batch.image_labeled.double().numpy())
    np.testing.assert_allclose(seen[2:], mixed_crops, atol=1e-5)
    expected = ((special.softmax(own_logits[2:], 1) - mixed_probs) ** 2).mean()
    assert value.item() == pytest.approx(expected, rel=1e-4)


def test_weight_reaches_its_full_value_after_a_quarter_of_the_steps(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """Of 10 steps, t_max is 9 / 4: the ramp is exp(-5), exp(-5 (5/9)^2) and 1 at steps 0, 1 and 3."""
    method = ICT(make_config(), 1, 2)
    for step, ramp in ((0, math.exp(-5)), (1, math.exp(-5 * (5 / 9) ** 2)), (3, 1)):
        terms = _terms(method, make_batch(), step)
        assert {name: term.weight for name, term in terms.items()} == pytest.approx(
            {"cross_entropy": 0.5, "dice": 0.5, "consistency": 0.1 * ramp}
        )


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_mixing_factors_follow_the_beta_distribution(alpha: float) -> None:
    drawn = beta_draws(Draws(0, 0), "mix", 4000, alpha)
    assert drawn.dtype == torch.float32
    assert stats.kstest(drawn.double().numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.05
    assert stats.kstest(drawn.double().numpy(), stats.beta(alpha, 1.5 * alpha).cdf).pvalue < 1e-6


@pytest.mark.parametrize("alpha", [1e-3, 0.2, 1e6])
def test_mixing_factors_are_numbers_from_0_to_1_for_any_alpha(alpha: float) -> None:
    drawn = beta_draws(Draws(0, 0), "mix", 1000, alpha)
    assert ((drawn >= 0) & (drawn <= 1)).all()


def test_mixing_factors_are_each_workers_share_of_the_whole_batchs_and_new_each_step() -> None:
    whole = beta_draws(Draws(3, 5), "mix", 6, 0.2)
    shares = [beta_draws(Draws(3, 5, rank=rank, workers=3), "mix", 2, 0.2) for rank in range(3)]
    assert torch.equal(torch.cat(shares), whole)
    assert not torch.equal(beta_draws(Draws(3, 6), "mix", 6, 0.2), whole)


def test_partner_is_the_next_crop_and_the_lasts_is_the_first() -> None:
    crops = torch.arange(6.0).view(3, 1, 1, 1, 2)
    assert torch.equal(partners(crops, Draws(0, 0), None), crops[[1, 2, 0]])
    assert torch.equal(partners(crops, Draws(0, 0), lambda rows: rows), crops[[1, 2, 0]])


@pytest.mark.parametrize("each", [1, 2])
def test_partners_are_the_same_however_many_workers_share_the_crops(each: int) -> None:
    crops = torch.randn(4, 2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    crops = crops.contiguous(memory_format=torch.channels_last_3d)
    shares = crops.split(each)
    firsts = torch.cat([share[:1].flatten(1) for share in shares])

    def gather(rows: Tensor) -> Tensor:
        assert rows.shape == (1, 24)
        return firsts

    found = [partners(share, Draws(0, 0, rank=rank, workers=4 // each), gather) for rank, share in enumerate(shares)]
    assert torch.equal(torch.cat(found), crops[[1, 2, 3, 0]])

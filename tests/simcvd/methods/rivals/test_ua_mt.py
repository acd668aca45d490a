import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.rivals.ua_mt import UAMT

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def _terms(method: UAMT, batch: Batch, step: int = 0) -> dict[str, Term]:
    method.before_step(step)
    return {term.name: term for term in method.terms(batch, step, Draws(0, step))}


def _calls(network: nn.Module) -> list[tuple[tuple[Any, ...], Any]]:
    """Record what a network is given and what it returns."""
    seen: list[tuple[tuple[Any, ...], Any]] = []
    network.register_forward_hook(lambda _, given, returned: seen.append((given, returned)))
    return seen


def _foreground(crops: list[list[float]]) -> Tensor:
    """Return probabilities `[B, 2, 1, 1, V]` from each crop's foreground probabilities."""
    foreground = torch.tensor(crops)[:, None, None, None]
    return torch.cat((1 - foreground, foreground), 1)


def test_consistency_of_two_voxels_worked_by_hand(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """Step 3 of 10: the ramp is exp(-5 (2/3)^2) = 0.108368, the threshold 0.75 + 0.25 x 0.108368 = 0.777092 of ln 2.

    Voxel A: both passes say 0.9; the entropy of their mean is 0.468996 of ln 2, below the threshold. The student says
    0.7, the target 0.9: 2 x 0.04 / 2 = 0.04.
    Voxel B: the passes say 0.8 and 0.2. Each alone has 0.721928 and would pass, but their mean 1/2 has 1: left out.
    """
    method = UAMT(make_config({"ua_mt.passes": 2}), 1, 2)
    method.networks["student"] = fixed_network(_foreground([[0.1, 0.1], [0.7, 0.4]]))
    method.networks["teacher"] = fixed_network(_foreground([[0.9, 0.9], [0.9, 0.8], [0.9, 0.2]]))
    term = _terms(method, tiny_crops(1, 1, 2), step=3)["consistency"]
    assert term.value.item() == pytest.approx(0.04, abs=1e-6)
    assert term.weight == pytest.approx(0.1 * 0.108368, abs=1e-6)
    assert method.diagnostics["certain"].item() == 0.5
    term.value.backward()
    assert method.networks["teacher"].logits.grad is None
    gradient = method.networks["student"].logits.grad
    assert gradient.any(1).squeeze().tolist() == [[False, False], [True, False]]


def test_consistency_equals_the_papers_formula_on_the_networks_own_outputs(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    settings = {"ua_mt.passes": 3, "ua_mt.first_threshold": 0.95}
    method = UAMT(make_config(settings), 1, 3)
    student, teacher = (_calls(method.networks[name]) for name in ("student", "teacher"))
    term = _terms(method, make_batch(classes=3))["consistency"]

    own = special.softmax(student[0][1].logits[2:].detach().double().numpy(), 1)
    target, *passes = special.softmax(teacher[0][1].logits.double().numpy(), 1).reshape(4, 2, 3, 16, 8, 8)
    entropy = stats.entropy(np.mean(passes, 0), axis=1)
    certain = entropy < (0.95 + 0.05 * math.exp(-5)) * math.log(3)
    assert 0.01 < certain.mean() < 0.99
    expected = (certain[:, None] * (own - target) ** 2).sum() / (3 * certain.sum())
    assert term.value.item() == pytest.approx(expected, rel=1e-4)
    assert method.diagnostics["certain"].item() == pytest.approx(certain.mean())


def test_target_and_passes_are_one_teacher_forward_over_crops_with_noise_of_their_own(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = UAMT(make_config({"ua_mt.passes": 3}), 1, 2), make_batch(crop_vox=(32, 16, 16))
    student, teacher = (_calls(method.networks[name]) for name in ("student", "teacher"))
    _terms(method, batch)
    assert len(student) == len(teacher) == 1
    given = student[0][0][0]
    assert torch.equal(given[:2], batch.image_labeled)
    views = [given[2:], *teacher[0][0][0].chunk(4)]
    noises = torch.stack([(view - batch.image_unlabeled).flatten() for view in views])
    assert noises.abs().max() == pytest.approx(0.2, abs=1e-5)
    correlations = torch.corrcoef(noises).fill_diagonal_(0)
    assert correlations.abs().max() < 0.02


def test_every_pass_has_dropout_masks_of_its_own(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """Without noise, passes differ by their masks alone; without dropout, not at all."""
    for rate, alike in ((0.5, False), (0.0, True)):
        dropout = {"network.dropout_bottleneck": rate, "network.dropout_last": rate}
        method = UAMT(make_config({"ua_mt.passes": 2, "noise.std": 0.0} | dropout), 1, 2)
        teacher = _calls(method.networks["teacher"])
        _terms(method, make_batch())
        passes = teacher[0][1].logits.chunk(3)
        for other in ((0, 1), (0, 2), (1, 2)):
            first, second = (passes[number] for number in other)
            assert torch.allclose(first, second, atol=1e-5) == alike


def test_views_of_a_worker_are_its_share_of_each_passes_whole_batch(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """Noise and masks are drawn for a whole batch of 2 crops in each pass, of which a worker of two keeps one."""
    method = UAMT(make_config({"ua_mt.passes": 2}), 1, 2)
    views = []
    for crops, draws in ((2, Draws(0, 0)), *((1, Draws(0, 0, rank=rank, workers=2)) for rank in range(2))):
        student, teacher = (fixed_network(torch.full((parts * crops, 2, 1, 1, 2), 0.5)) for parts in (2, 3))
        method.networks["student"], method.networks["teacher"] = student, teacher
        method.terms(tiny_crops(crops, crops, 2), 0, draws)
        assert teacher.parts == [(crops,) * 3]
        assert teacher.names == ["teacher"]
        views.append(teacher.images[0].unflatten(0, (3, crops)))
    whole, *shares = views
    assert torch.equal(torch.cat(shares, 1), whole)


def test_nothing_certain_costs_nothing(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """A first threshold of 0 leaves exp(-5) = 0.0067 of ln 2, which no voxel of an untrained teacher is below."""
    method = UAMT(make_config({"ua_mt.first_threshold": 0.0}), 1, 2)
    term = _terms(method, make_batch())["consistency"]
    assert method.diagnostics["certain"].item() == 0
    assert term.value.item() == 0
    term.value.backward()
    assert all(parameter.grad.isfinite().all() for parameter in method.networks["student"].parameters())


def test_threshold_and_weight_rise_with_the_ramp_until_every_voxel_counts(
    make_config: MakeConfig, tiny_crops: MakeBatch, fixed_network: Any
) -> None:
    """Entropies of foreground 0.25 and 0.4 are 0.811278 and 0.970951 of ln 2; both are below 1, the last threshold.

    With half the ramp's length, t_max is 4.5: the ramp at steps 0, 3 and 5 is exp(-5), exp(-5/9) and 1.
    The thresholds are 0.751685, 0.893438 and 1.
    """
    method = UAMT(make_config({"ua_mt.passes": 1, "ua_mt.ramp_up_fraction": 0.5}), 1, 2)
    method.networks["student"] = fixed_network(_foreground([[0.5, 0.5]] * 2))
    method.networks["teacher"] = fixed_network(_foreground([[0.25, 0.4]] * 2))
    for step, ramp, certain in ((0, math.exp(-5), 0), (3, math.exp(-5 / 9), 0.5), (5, 1, 1)):
        term = _terms(method, tiny_crops(1, 1, 2), step)["consistency"]
        assert term.weight == pytest.approx(0.1 * ramp)
        assert method.diagnostics["certain"].item() == certain


def test_gather_joins_the_dice_and_the_certain_voxels(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    shapes: list[tuple[int, ...]] = []
    method = UAMT(make_config(), 1, 2, lambda rows: shapes.append(tuple(rows.shape)) or rows)  # type: ignore[func-returns-value]
    _terms(method, make_batch())
    assert shapes == [(1, 2), (1, 2)]

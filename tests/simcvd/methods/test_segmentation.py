from collections.abc import Callable
from typing import Any

import pytest
import torch

from simcvd.config import TrialConfig
from simcvd.config.methods import SegmentationSettings
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.forward import Outputs
from simcvd.methods.segmentation import segmentation_terms
from simcvd.methods.simcvd import SimCVD

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def test_optimiser_holds_the_papers_settings_and_the_learning_rate_of_the_step(make_config: MakeConfig) -> None:
    method = SimCVD(make_config(), 1, 2)
    group = method.optimisers["sgd"].param_groups[0]
    assert (group["momentum"], group["weight_decay"]) == (0.9, 5e-4)
    rates = []
    for step in (0, 4, 5, 9):
        method.before_step(step)
        rates.append(group["lr"])
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_diagnostics_compare_the_sdm_with_the_best_constant(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method, batch = SimCVD(make_config({"loss.sdm": 0.0}), 1, 3), make_batch(classes=3)
    features: list[Any] = []
    method.networks["student"].register_forward_hook(lambda _, given, returned: features.append(returned))
    method.before_step(0)
    method.terms(batch, 0, Draws(0, 0))
    error = (features[0].sdm[:2] - batch.sdm).square().mean()
    variance = batch.sdm.movedim(1, 0).flatten(1).var(1, correction=0).mean()
    torch.testing.assert_close(method.diagnostics["sdm_error"], error.detach())
    torch.testing.assert_close(method.diagnostics["sdm_error_constant"], variance)


def test_labelled_loss_of_two_voxels_worked_by_hand(tiny_crops: MakeBatch) -> None:
    """Both voxels are background, seen with 0.8 and 0.5: the cross-entropy is -(ln 0.8 + ln 0.5) / 2 = 0.458145."""
    foreground = torch.tensor([[0.2, 0.5]])[:, None, None, None]
    probs = torch.cat((1 - foreground, foreground), 1)
    outputs = Outputs(probs.log(), probs, None, probs)
    entropy, dice = segmentation_terms(outputs, tiny_crops(1, 1, 2), None, "_peer")
    assert (entropy.name, dice.name) == ("cross_entropy_peer", "dice_peer")
    assert entropy.weight == dice.weight == 0.5
    assert entropy.value.item() == pytest.approx(0.458145, abs=1e-6)
    assert 0 < dice.value.item() <= 1


@pytest.mark.parametrize(
    ("part", "names"),
    [(0.0, {"dice": 1.0}), (0.25, {"cross_entropy": 0.25, "dice": 0.75}), (1.0, {"cross_entropy": 1.0})],
)
def test_parts_of_the_labelled_loss_add_up_and_one_without_weight_is_not_computed(
    part: float, names: dict[str, float], tiny_crops: MakeBatch
) -> None:
    probs = torch.tensor([0.8, 0.2])[None, :, None, None, None].expand(1, 2, 1, 1, 2)
    settings = SegmentationSettings(cross_entropy_part=part)
    terms = segmentation_terms(Outputs(probs.log(), probs, None, probs), tiny_crops(1, 1, 2), None, settings=settings)
    assert {term.name: term.weight for term in terms} == names


def test_dice_of_all_classes_counts_the_background_too(tiny_crops: MakeBatch) -> None:
    """Two background voxels, seen with 0.8: 1 - (2 x 1.6 + s) / (2 x 0.64 + 2 + s) = 0.024390 for the background.

    The foreground is absent: 1 - s / (2 x 0.04 + s) = 0.999875. The mean of both is 0.512132.
    """
    probs = torch.tensor([0.8, 0.2])[None, :, None, None, None].expand(1, 2, 1, 1, 2)
    outputs = Outputs(probs.log(), probs, None, probs)
    for classes, loss in (("foreground", 0.999875), ("all", 0.512132)):
        settings = SegmentationSettings(cross_entropy_part=0.0, dice_of=classes)
        (dice,) = segmentation_terms(outputs, tiny_crops(1, 1, 2), None, settings=settings)
        assert dice.value.item() == pytest.approx(loss, abs=1e-6)

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from simcvd.losses.adversarial import accuracy, adversarial, discrimination


def _logits(count: int, seed: int) -> Tensor:
    return 3 * torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


def test_both_losses_of_one_crop_worked_by_hand() -> None:
    """Logits (0, ln 3) mean 3/4 "labelled": ln(4/3) = 0.28768 if it should be, ln 4 = 1.38629 if not.

    Labelled and unlabelled crops with these logits cost (0.28768 + 1.38629) / 2 = 0.83699 to tell apart.
    """
    logits = torch.tensor([[0.0, math.log(3)]])
    assert adversarial(logits).item() == pytest.approx(0.28768, abs=1e-5)
    assert discrimination(logits, logits).item() == pytest.approx(0.83699, abs=1e-5)


def test_losses_equal_the_binary_cross_entropy_of_the_logits_difference() -> None:
    labeled, unlabeled = _logits(3, 0), _logits(2, 1)
    labeled_odds, unlabeled_odds = (np.diff(logits.double().numpy())[:, 0] for logits in (labeled, unlabeled))
    fooled = np.log1p(np.exp(-unlabeled_odds))
    told = np.concatenate([np.log1p(np.exp(-labeled_odds)), np.log1p(np.exp(unlabeled_odds))])
    assert adversarial(unlabeled).item() == pytest.approx(fooled.mean(), rel=1e-6)
    assert discrimination(labeled, unlabeled).item() == pytest.approx(told.mean(), rel=1e-6)


def test_losses_ignore_what_both_logits_share_and_are_ln_2_where_they_are_equal() -> None:
    labeled, unlabeled, shift = _logits(3, 0), _logits(2, 1), 7.0
    torch.testing.assert_close(adversarial(unlabeled + shift), adversarial(unlabeled))
    torch.testing.assert_close(discrimination(labeled + shift, unlabeled.flip(0)), discrimination(labeled, unlabeled))
    undecided = torch.full((2, 2), 5.0)
    assert adversarial(undecided).item() == pytest.approx(math.log(2))
    assert discrimination(undecided, undecided).item() == pytest.approx(math.log(2))


def test_losses_pull_the_logits_of_unlabelled_crops_opposite_ways() -> None:
    """At logits (0, 0), a crop of each kind: segmenter (1/2, -1/2), discriminator (-1/2, 1/2) / 2."""
    labeled, unlabeled = torch.zeros(1, 2), torch.zeros(1, 2, requires_grad=True)
    (against,) = torch.autograd.grad(adversarial(unlabeled), unlabeled)
    (own,) = torch.autograd.grad(discrimination(labeled, unlabeled), unlabeled)
    assert against.tolist() == [[0.5, -0.5]]
    assert own.tolist() == [[-0.25, 0.25]]


def test_losses_are_float32_whatever_the_logits_are() -> None:
    logits = _logits(2, 0).bfloat16()
    assert adversarial(logits).dtype == discrimination(logits, logits).dtype == torch.float32


def test_accuracy_counts_each_kind_of_crop_apart_and_is_detached() -> None:
    labeled = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [0.0, 3.0]], requires_grad=True)
    unlabeled = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    right = accuracy(labeled, unlabeled)
    assert [value.item() for value in right] == [0.75, 0.5]
    assert not any(value.requires_grad for value in right)

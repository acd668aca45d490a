import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from simcvd.losses.pseudo_label import PseudoLabel, entropy_ensemble, pseudo_label, surer_where


def _probs(seed: int) -> Tensor:
    return (2 * torch.randn(2, 3, 2, 3, 4, generator=torch.Generator().manual_seed(seed))).softmax(1)


def test_label_is_the_most_probable_class_and_its_confidence_the_probability() -> None:
    probs = _probs(0).requires_grad_()
    found = pseudo_label(probs)
    values = probs.detach().numpy()
    assert np.array_equal(found.label, values.argmax(1))
    assert np.array_equal(found.confidence, values.max(1))
    assert not found.confidence.requires_grad


def test_ensemble_of_one_voxel_worked_by_hand() -> None:
    """The first teacher says (1/2, 1/2), 1 bit; the second one is sure of the second class, 0 bits.

    w = e^-1 / (e^-1 + e^0) = 0.268941, so the second class has 0.268941 x 0.5 + 0.731059 = 0.865529.
    """
    first, second = torch.tensor([0.5, 0.5]).view(1, 2, 1, 1, 1), torch.tensor([0.0, 1.0]).view(1, 2, 1, 1, 1)
    assert entropy_ensemble(first, second).flatten().tolist() == pytest.approx([0.134471, 0.865529], abs=1e-6)


def test_ensemble_equals_the_papers_formula_with_scipys_entropy() -> None:
    first, second = _probs(0).double().numpy(), _probs(1).double().numpy()
    weights = [np.exp(-stats.entropy(probs, base=2, axis=1))[:, None] for probs in (first, second)]
    expected = (weights[0] * first + weights[1] * second) / (weights[0] + weights[1])
    np.testing.assert_allclose(entropy_ensemble(_probs(0), _probs(1)), expected, atol=1e-6)


def test_ensemble_is_the_same_in_both_orders_adds_up_to_1_and_keeps_what_both_say() -> None:
    found = entropy_ensemble(_probs(0), _probs(1))
    torch.testing.assert_close(found, entropy_ensemble(_probs(1), _probs(0)))
    torch.testing.assert_close(found.sum(1), torch.ones(2, 2, 3, 4))
    torch.testing.assert_close(entropy_ensemble(_probs(0), _probs(0)), _probs(0))
    assert not entropy_ensemble(_probs(0).requires_grad_(), _probs(1)).requires_grad


def test_other_labels_are_taken_where_doubtful_different_and_surer() -> None:
    """Taken in voxel 1 alone: voxel 2 is not doubtful, in voxel 3 the other is not surer, in voxel 4 it is the same."""
    given = PseudoLabel(torch.tensor([0, 0, 0, 1]), torch.tensor([0.6, 0.6, 0.6, 0.6]))
    other = PseudoLabel(torch.tensor([1, 1, 1, 1]), torch.tensor([0.7, 0.7, 0.5, 0.9]))
    label, confidence = surer_where(given, other, torch.tensor([True, False, True, True]))
    assert label.tolist() == [1, 0, 0, 1]
    assert confidence.tolist() == pytest.approx([0.7, 0.6, 0.6, 0.6])

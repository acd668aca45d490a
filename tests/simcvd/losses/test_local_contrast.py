import math

import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from simcvd.losses.local_contrast import local_contrast


def _random(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


def _by_loops(views: tuple[Tensor, Tensor], temperature: float) -> float:
    """Sec. 3.2 word by word, in double precision."""
    images, regions, _ = views[0].shape

    def similarity(a: Tensor, b: Tensor) -> float:
        a, b = a.double(), b.double()
        return (a @ b / (a.norm() * b.norm())).item() / temperature

    costs = []
    for b in range(images):
        for own, other in ((0, 1), (1, 0)):
            for u in range(regions):
                row = views[own][b, u]
                positive = similarity(row, views[other][b, u])
                rest = [similarity(row, view[b, v]) for view in views for v in range(regions) if v != u]
                costs.append(float(logsumexp([positive, *rest])) - positive)
    return sum(costs) / len(costs)


def test_local_contrast_of_two_regions_worked_by_hand() -> None:
    """Regions (1, 0) and (0, 1) in both views, tau = 0.5: the positive's exponent is 2, both negatives' 0.

    ln(1 + 2 exp(-2)) = 0.239545.
    """
    regions = torch.eye(2).unsqueeze(0)
    assert local_contrast(regions, regions, 0.5).item() == pytest.approx(0.239545, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_local_contrast_equals_loops_over_the_papers_formula(temperature: float) -> None:
    views = _random(3, 4, 5)
    assert local_contrast(*views, temperature).item() == pytest.approx(_by_loops(views, temperature), rel=1e-5)


def test_local_contrast_of_equal_regions_is_chance() -> None:
    regions = torch.ones(2, 13, 4)
    assert local_contrast(regions, regions, 0.1).item() == pytest.approx(math.log(25), abs=1e-5)


def test_local_contrast_is_the_mean_of_the_images_own() -> None:
    first, second = _random(3, 4, 5)
    alone = [local_contrast(first[b : b + 1], second[b : b + 1], 0.1) for b in range(3)]
    torch.testing.assert_close(local_contrast(first, second, 0.1), torch.stack(alone).mean())


def test_local_contrast_is_the_same_for_swapped_views_reordered_regions_and_longer_rows() -> None:
    first, second = _random(3, 4, 5)
    expected = local_contrast(first, second, 0.1)
    torch.testing.assert_close(local_contrast(second, first, 0.1), expected)
    torch.testing.assert_close(local_contrast(first.flip(1), second.flip(1), 0.1), expected)
    torch.testing.assert_close(local_contrast(3 * first, 0.1 * second, 0.1), expected)


def test_local_contrast_trains_both_views() -> None:
    views = [rows.requires_grad_() for rows in _random(3, 4, 5)]
    local_contrast(*views, 0.1).backward()
    for rows in views:
        assert rows.grad is not None
        assert (rows.grad.norm(dim=2) > 0).all()


def test_local_contrast_of_rows_without_length_has_a_finite_gradient() -> None:
    first, second = torch.zeros(3, 4, 5, requires_grad=True), _random(3, 4, 5)[1]
    local_contrast(first, second, 0.1).backward()
    assert first.grad is not None
    assert first.grad.isfinite().all()


def test_local_contrast_stays_float32_under_autocast() -> None:
    first, second = _random(3, 4, 5)
    expected = local_contrast(first, second, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert local_contrast(first, second, 0.1).item() == expected.item()
        assert local_contrast(first.bfloat16(), second.bfloat16(), 0.1).dtype == torch.float32


def test_local_contrast_refuses_views_of_other_shapes() -> None:
    first, second = _random(3, 4, 5)
    with pytest.raises(ValueError, match="same shape"):
        local_contrast(first, second[:, :3], 0.1)

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from simcvd.draws import Draws
from simcvd.transforms.views import View, apply_view, draw_views


def _image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _view(crops: int, *, part: float = 1.0, corner: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> View:
    return View(torch.zeros(crops), torch.ones(crops), part, torch.tensor([corner] * crops))


def test_intensities_of_two_voxels_worked_by_hand() -> None:
    """Voxels 0 and 2 have the mean 1: with contrast 1.5 they are -0.5 and 2.5, with brightness 0.25 -0.25 and 2.75."""
    image = torch.tensor([0.0, 2.0]).view(1, 1, 2, 1, 1)
    view = View(torch.tensor([0.25]), torch.tensor([1.5]), 1.0, torch.zeros(1, 3))
    assert apply_view(image, view).flatten().tolist() == [-0.25, 2.75]


def test_contrast_is_about_each_channels_own_mean() -> None:
    image = _image(2, 3, 4, 5, 6) + torch.tensor([0.0, 5.0, 50.0]).view(1, 3, 1, 1, 1)
    view = View(torch.tensor([0.5, -0.5]), torch.tensor([0.7, 1.3]), 1.0, torch.zeros(2, 3))
    seen = apply_view(image, view)
    shift = seen.mean((2, 3, 4)) - image.mean((2, 3, 4))
    torch.testing.assert_close(shift, torch.tensor([0.5, -0.5])[:, None].expand(2, 3), atol=1e-4, rtol=0)
    ratio = seen.std((2, 3, 4)) / image.std((2, 3, 4))
    torch.testing.assert_close(ratio, torch.tensor([0.7, 1.3])[:, None].expand(2, 3))


def test_enlarging_half_a_row_worked_by_hand() -> None:
    """Voxels 0, 1, 2, 3, the first half enlarged: centres at -0.25 (the edge is kept), 0.25, 0.75 and 1.25."""
    image = torch.arange(4.0).view(1, 1, 4, 1, 1).expand(1, 1, 4, 4, 4)
    seen = apply_view(image, _view(1, part=0.5))
    assert seen[0, 0, :, 2, 1].tolist() == pytest.approx([0, 0.25, 0.75, 1.25])


def test_enlarging_equals_linear_interpolation_by_scipy() -> None:
    image = _image(2, 2, 10, 7, 6)
    corners = torch.tensor([[0.3, 0.9, 0.5], [1.0, 0.0, 0.2]])
    seen = apply_view(image, View(torch.zeros(2), torch.ones(2), 0.52, corners))
    for b, corner in enumerate(corners.tolist()):
        places = [c * 0.48 * n + (np.arange(n) + 0.5) * 0.52 - 0.5 for c, n in zip(corner, (10, 7, 6), strict=True)]
        grid = np.meshgrid(*places, indexing="ij")
        for channel in range(2):
            expected = map_coordinates(image[b, channel].numpy(), grid, order=1, mode="nearest")
            np.testing.assert_allclose(seen[b, channel], expected, atol=1e-5)


def test_depth_is_where_the_enlarged_slices_lie_in_the_case() -> None:
    """Crops of 8 slices, from 0.2 to 0.6 of the case and from its start to its end; voxels tell their own place."""
    depth = torch.tensor([[0.2, 0.6], [0.0, 1.0]])
    places = depth[:, :1] + (torch.arange(8) + 0.5) / 8 * (depth[:, 1:] - depth[:, :1])
    view = View(torch.zeros(2), torch.ones(2), 0.5, torch.tensor([[0.1, 0.9, 0.25], [0.4, 0.3, 0.7]]))
    seen = apply_view(places.view(2, 1, 1, 1, 8).expand(2, 1, 4, 4, 8), view)
    start, end = view.depth(depth).T
    expected = start[:, None] + (torch.arange(8) + 0.5) / 8 * (end - start)[:, None]
    torch.testing.assert_close(seen[:, 0, 1, 2], expected)


def test_view_that_changes_nothing_returns_the_image() -> None:
    image, depth = _image(2, 1, 4, 4, 4), torch.tensor([[0.0, 0.5], [0.4, 0.9]])
    for view in draw_views(Draws(0, 0), (2,), brightness=0.0, contrast=0.0):
        torch.testing.assert_close(apply_view(image, view), image)
        torch.testing.assert_close(view.depth(depth), depth)


def test_views_are_computed_in_float32_under_autocast() -> None:
    image, view = _image(2, 1, 8, 8, 4), _view(2, part=0.5)
    expected = apply_view(image, view)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(apply_view(image, view), expected)


def test_drawn_numbers_fill_their_ranges_independently() -> None:
    first, second = draw_views(Draws(0, 0), (500, 500), brightness=1.4, contrast=0.3, part=0.52)
    for view in (first, second):
        for numbers, low, high in ((view.brightness, -1.4, 1.4), (view.contrast, 0.7, 1.3), (view.corner, 0.0, 1.0)):
            span = high - low
            assert low <= numbers.min() < low + 0.02 * span
            assert high - 0.02 * span < numbers.max() <= high
            assert numbers.mean() == pytest.approx((low + high) / 2, abs=0.05 * span)
    own = [torch.stack((view.brightness, view.contrast, *view.corner.T[:2])) for view in (first, second)]
    together = torch.cat((*own, first.corner.T[2:]))
    assert (torch.corrcoef(together) - torch.eye(9)).abs().max() < 0.15


def test_both_views_have_the_same_slices() -> None:
    first, second = draw_views(Draws(0, 0), (2, 2), brightness=1.4, contrast=0.3, part=0.52)
    assert torch.equal(first.corner[:, 2], second.corner[:, 2])
    assert len(set(first.corner[:, 2].tolist())) == 4


def test_drawn_numbers_depend_on_the_step_and_not_on_the_workers() -> None:
    def drawn(draws: Draws, parts: tuple[int, ...]) -> Tensor:
        views = draw_views(draws, parts, brightness=1.0, contrast=0.5)
        return torch.cat([torch.cat((v.corner, v.brightness[:, None], v.contrast[:, None]), 1) for v in views], 1)

    whole = drawn(Draws(0, 0), (2, 2))
    workers = [drawn(Draws(0, 0, rank=rank, workers=2), (1, 1)) for rank in (0, 1)]
    assert torch.equal(whole[[0, 2]], workers[0])
    assert torch.equal(whole[[1, 3]], workers[1])
    assert not torch.equal(whole, drawn(Draws(0, 1), (2, 2)))

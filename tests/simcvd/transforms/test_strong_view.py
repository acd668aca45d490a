from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from simcvd.config.later import StrongViewSettings
from simcvd.draws import Draws
from simcvd.transforms.strong_view import StrongView, apply_strong_view, draw_strong_view

SHAPE = (2000, 1, 1, 1, 1)


def _image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _none(crops: int) -> StrongView:
    return StrongView(torch.ones(crops), torch.zeros(crops), torch.ones(crops), None, None)


def test_view_that_changes_nothing_is_the_crop() -> None:
    image = _image(2, 2, 5, 4, 3)
    torch.testing.assert_close(apply_strong_view(image, _none(2)), image)
    torch.testing.assert_close(apply_strong_view(image, replace(_none(2), blur_vox=torch.full((2,), 0.01))), image)


def test_intensities_of_two_voxels_worked_by_hand() -> None:
    """0 and 2, mean 1: contrast 1.5 makes -0.5, 2.5; brightness 0.25 then -0.25, 2.75; gamma 2 then -0.0625, 7.5625."""
    view = StrongView(torch.tensor([1.5]), torch.tensor([0.25]), torch.tensor([2.0]), None, None)
    seen = apply_strong_view(torch.tensor([0.0, 2.0]).view(1, 1, 2, 1, 1), view)
    assert seen.flatten().tolist() == pytest.approx([-0.0625, 7.5625])


def test_blur_equals_scipys_inside_and_keeps_what_is_even() -> None:
    image, std = _image(2, 2, 25, 23, 21), torch.tensor([0.5, 1.5])
    seen = apply_strong_view(image, replace(_none(2), blur_vox=std))
    inner = (slice(10, -10),) * 3
    for crop, own in enumerate(std.tolist()):
        for channel in range(2):
            expected = gaussian_filter(image[crop, channel].numpy(), own, truncate=12)[inner]
            np.testing.assert_allclose(seen[crop, channel][inner], expected, atol=1e-5)
    even = torch.full((2, 1, 6, 5, 4), 3.0)
    torch.testing.assert_close(apply_strong_view(even, replace(_none(2), blur_vox=std)), even)


def test_noise_is_added_last() -> None:
    image, noise = _image(2, 1, 4, 4, 4), _image(2, 1, 4, 4, 4) + 1
    torch.testing.assert_close(apply_strong_view(image, replace(_none(2), noise=noise)), image + noise)


def test_each_kind_is_drawn_as_likely_and_as_large_as_its_settings_say() -> None:
    settings = StrongViewSettings(gamma=0.4, noise_probability=0.25, noise_std=0.6)
    view = draw_strong_view(Draws(0, 0), "view", SHAPE, settings)
    changed = view.contrast != 1
    assert changed.float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert torch.equal(changed, view.brightness != 0)
    assert (view.contrast - 1).abs().max().item() == pytest.approx(0.5, abs=0.01)
    assert view.brightness.abs().max().item() == pytest.approx(0.5, abs=0.01)
    assert view.gamma.log().abs().max().item() == pytest.approx(0.4, abs=0.01)
    assert view.blur_vox is not None
    blurred = view.blur_vox[view.blur_vox > 0.05]
    assert len(blurred) / 2000 == pytest.approx(0.5, abs=0.03)
    assert (blurred.min().item(), blurred.max().item()) == pytest.approx((0.1, 2.0), abs=0.01)
    assert view.noise is not None
    assert (view.noise != 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert view.noise.abs().max() <= 1.2


def test_what_is_off_is_not_drawn_and_the_rest_stays() -> None:
    settings = StrongViewSettings(blur_probability=0)
    view = draw_strong_view(Draws(0, 0), "view", SHAPE, settings)
    assert view.blur_vox is None
    assert view.noise is None
    assert torch.equal(view.contrast, draw_strong_view(Draws(0, 0), "view", SHAPE, StrongViewSettings()).contrast)
    assert not torch.equal(view.contrast, draw_strong_view(Draws(0, 0), "other", SHAPE, settings).contrast)


def test_views_are_each_workers_share_of_the_whole_batchs() -> None:
    settings = StrongViewSettings(noise_probability=1)
    whole = draw_strong_view(Draws(3, 5), "view", (4, 1, 2, 2, 2), settings)
    shares = [
        draw_strong_view(Draws(3, 5, rank=rank, workers=2), "view", (2, 1, 2, 2, 2), settings) for rank in range(2)
    ]
    for name in ("contrast", "brightness", "gamma", "blur_vox", "noise"):
        assert torch.equal(torch.cat([getattr(share, name) for share in shares]), getattr(whole, name)), name

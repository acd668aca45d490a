import numpy as np
import pytest

from simcvd.transforms.intensity_range import intensity_range
from simcvd.transforms.painting import Painting, apply_painting, draw_painting

SHAPE = (60, 48, 36)


def _draw(seed: int = 0, shape: tuple[int, int, int] = SHAPE, channels: int = 1, **changes: object) -> Painting:
    values = {"outside": False, "boxes": 5, "min_side": 0.25, "max_side": 0.5} | changes
    return draw_painting(np.random.default_rng(seed), shape, channels, **values)  # type: ignore[arg-type]


def test_noise_fills_the_painted_voxels_over_the_range_of_each_channel() -> None:
    """Channel 0 is 0 to 100 with range 1 to 99, channel 1 ten times that: noise of 0.5 becomes 50 and 500."""
    ramp = np.broadcast_to(np.arange(101, dtype=np.float32), (1, 3, 3, 101))
    image = np.concatenate((ramp, 10 * ramp))
    painted = np.zeros((3, 3, 101), bool)
    painted[1, 2, 7] = painted[0, 0, 0] = True
    noise = np.full((2, 3, 3, 101), 0.5, np.float32)
    filled = apply_painting(image, Painting(painted, noise))
    assert filled[:, 1, 2, 7].tolist() == filled[:, 0, 0, 0].tolist() == [50, 500]
    assert np.array_equal(filled[:, ~painted], image[:, ~painted])
    assert filled.dtype == np.float32
    assert image[0, 1, 2, 7] == 7


@pytest.mark.parametrize("outside", [False, True])
def test_what_is_not_painted_stays_and_the_rest_lies_in_the_range(outside: bool) -> None:
    image = np.random.default_rng(1).normal(size=(1, *SHAPE)).astype(np.float32)
    low, high = intensity_range(image)
    for seed in range(5):
        painting = _draw(seed, outside=outside)
        filled = apply_painting(image, painting)
        assert np.array_equal(filled != image, painting.painted[None])
        inside = filled[0][painting.painted]
        assert low[0] <= inside.min() < low[0] + 0.05
        assert high[0] - 0.05 < inside.max() <= high[0]
        assert inside.mean() == pytest.approx((low[0] + high[0]) / 2, abs=0.1)


def test_outside_is_what_inside_is_not() -> None:
    assert np.array_equal(_draw(outside=True).painted, ~_draw(outside=False).painted)


def test_one_box_is_a_cuboid_of_the_asked_sides_away_from_the_border() -> None:
    sides = []
    for seed in range(200):
        painted = _draw(seed, boxes=1).painted
        spans = [np.flatnonzero(painted.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        assert painted.sum() == np.prod([len(span) for span in spans])
        assert all(span[0] >= 3 and span[-1] < size - 3 for span, size in zip(spans, SHAPE, strict=True))
        sides.append([len(span) for span in spans])
    assert np.min(sides, axis=0).tolist() == [15, 12, 9]
    assert np.max(sides, axis=0).tolist() == [30, 24, 18]


def test_up_to_five_boxes_of_one_size_paint_more_than_one() -> None:
    """Boxes of a tenth of each side rarely overlap; 1 + .95 + .95^2 + .95^3 + .95^4 = 4.524 of them come on average."""
    of_side_6 = {"min_side": 0.1, "max_side": 0.1}
    shares = [_draw(seed, (60, 60, 60), **of_side_6).painted.sum() / 6**3 for seed in range(400)]
    assert np.mean(shares) == pytest.approx(4.524, abs=0.1)
    assert max(shares) == 5
    assert np.mean(np.array(shares) <= 1) == pytest.approx(0.05, abs=0.03)


def test_each_channel_has_its_own_noise() -> None:
    painting = _draw(channels=2)
    assert abs(np.corrcoef(painting.noise[0].ravel(), painting.noise[1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (16, 16, 16)])
@pytest.mark.parametrize("side", [0.17, 0.57, 1.0])
def test_boxes_fit_into_tiny_crops(shape: tuple[int, int, int], side: float) -> None:
    expected = np.prod([max(1, round(side * size)) for size in shape])
    for seed in range(20):
        painted = _draw(seed, shape, boxes=1, min_side=side, max_side=side).painted
        assert painted.shape == shape
        assert painted.sum() == expected


def test_a_constant_image_stays_as_it_is() -> None:
    image = np.full((1, *SHAPE), -2.0, np.float32)
    assert np.array_equal(apply_painting(image, _draw(outside=True)), image)


def test_the_same_generator_draws_the_same() -> None:
    first, again, other = _draw(3), _draw(3), _draw(4)
    assert np.array_equal(first.painted, again.painted)
    assert np.array_equal(first.noise, again.noise)
    assert not np.array_equal(first.noise, other.noise)

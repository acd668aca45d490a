import numpy as np
import pytest
from numpy.typing import NDArray

from simcvd.transforms.nonlinear_intensity import Curves, apply_curves, draw_curves

STRAIGHT = [[1 / 3, 1 / 3], [2 / 3, 2 / 3]]


def _curves(*points: list[list[float]], inverted: bool = False) -> Curves:
    return Curves(np.array(points), np.full(len(points), inverted))


def _ramp(*ends: float) -> NDArray[np.float32]:
    """Make a channel of 101 slices of one value each; from 0 to 100 the 1st and 99th percentile are 1 and 99."""
    return np.broadcast_to(np.linspace(*ends, 101, dtype=np.float32), (1, 6, 6, 101)).copy()


def _normal(channels: int = 1, shape: tuple[int, int, int] = (16, 16, 16)) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(channels, *shape)).astype(np.float32)


def test_a_straight_curve_changes_nothing() -> None:
    np.testing.assert_allclose(apply_curves(_ramp(0, 100), _curves(STRAIGHT)), _ramp(0, 100), atol=1e-4)


def test_a_curve_worked_by_hand() -> None:
    """Inner points (1/3, 0) and (2/3, 0) make old = t and new = t^3.

    The range is 1 to 99: 50 lies at its middle, t = 1/2, and goes to 1 + 98 / 8 = 13.25; 25 at t = 24/98. What lies at
    the ends and beyond stays: 0, 1, 99, 100.
    """
    curved = apply_curves(_ramp(0, 100), _curves([[1 / 3, 0], [2 / 3, 0]]))[0, 0, 0]
    assert curved[[0, 1, 50, 99, 100]].tolist() == pytest.approx([0, 1, 13.25, 99, 100], abs=1e-3)
    assert curved[25] == pytest.approx(1 + 98 * (24 / 98) ** 3, abs=1e-3)


def test_a_falling_curve_is_the_mirrored_rising_one() -> None:
    """As above, and mirrored in the range: 50 goes to 1 + 99 - 13.25; 0 and 100 to 100 and 0."""
    curved = apply_curves(_ramp(0, 100), _curves([[1 / 3, 0], [2 / 3, 0]], inverted=True))[0, 0, 0]
    assert curved[[0, 1, 50, 99, 100]].tolist() == pytest.approx([100, 99, 86.75, 1, 0], abs=1e-3)


@pytest.mark.parametrize("inverted", [0.0, 1.0])
def test_ranks_are_kept_or_reversed(inverted: float) -> None:
    image = _normal()
    for seed in range(20):
        curved = apply_curves(image, draw_curves(np.random.default_rng(seed), 1, inverted=inverted))
        steps = np.diff(curved.ravel()[np.argsort(image, axis=None)])
        assert (steps * (1 - 2 * inverted)).min() > -1e-6
        assert np.abs(curved - image).max() > 0.01


def test_the_curve_does_not_depend_on_unit_and_offset() -> None:
    image, curves = _normal(), draw_curves(np.random.default_rng(0), 1, inverted=0.0)
    expected = 1000 * apply_curves(image, curves) - 300
    np.testing.assert_allclose(apply_curves(1000 * image - 300, curves), expected, atol=1e-2)


def test_each_channel_has_its_own_curve_and_range() -> None:
    image = _normal(2) * np.array([1, 50], np.float32)[:, None, None, None]
    curves = draw_curves(np.random.default_rng(0), 2, inverted=0.5)
    curved = apply_curves(image, curves)
    for channel in range(2):
        own = Curves(curves.points[[channel]], curves.inverted[[channel]])
        assert np.array_equal(curved[[channel]], apply_curves(image[[channel]], own))
    assert not np.allclose(curves.points[0], curves.points[1])


def test_a_constant_channel_stays_as_it_is() -> None:
    image = np.full((1, 4, 4, 4), 3.0, np.float32)
    assert np.array_equal(apply_curves(image, _curves([[0, 1], [0, 1]], inverted=True)), image)


def test_tiny_crops_and_the_image_given_stay_finite_and_unchanged() -> None:
    image = _normal(1, (2, 1, 2))
    before = image.copy()
    curved = apply_curves(image, draw_curves(np.random.default_rng(0), 1, inverted=0.0))
    assert curved.dtype == np.float32
    assert np.isfinite(curved).all()
    assert np.array_equal(image, before)


def test_half_of_the_curves_fall_and_the_same_generator_draws_the_same() -> None:
    drawn = draw_curves(np.random.default_rng(0), 2000, inverted=0.5)
    assert drawn.inverted.mean() == pytest.approx(0.5, abs=0.05)
    assert drawn.points.mean(axis=0).ravel() == pytest.approx([0.5] * 4, abs=0.03)
    again = draw_curves(np.random.default_rng(0), 2000, inverted=0.5)
    assert np.array_equal(drawn.points, again.points)
    assert np.array_equal(drawn.inverted, again.inverted)

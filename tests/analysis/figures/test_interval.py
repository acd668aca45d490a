import math

import numpy as np
import pytest
from scipy import stats

from analysis.figures.interval import case_interval, ends, moved, within_cases

NAN = float("nan")


def test_missing_values_are_left_out() -> None:
    assert case_interval([0.5, NAN, 0.7, NAN]) == case_interval([0.5, 0.7])
    assert case_interval([NAN, NAN]).n == 0


def test_three_values_by_hand() -> None:
    # Mean 2, sd 1; with two degrees of freedom t(q) = (2 q - 1) / sqrt(2 q (1 - q)), so t(0.975) = 4.3027, and half the
    # width is 4.3027 / sqrt(3) = 2.4841.
    half = 0.95 / math.sqrt(2 * 0.975 * 0.025) / math.sqrt(3)
    assert ends(case_interval([1.0, 2.0, 3.0])) == pytest.approx((2 - half, 2 + half), rel=1e-9)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5]])
def test_without_an_interval_both_ends_are_the_mean(values: list[float]) -> None:
    assert ends(case_interval(values)) == (0.5, 0.5)


def test_without_values_there_are_no_ends() -> None:
    assert all(math.isnan(end) for end in ends(case_interval([])))


def test_within_cases_the_mean_squared_error_is_that_of_the_two_way_layout() -> None:
    """Loftus and Masson: MS_cases x variants / N, here by sums of squares; Morey's intervals have it on average."""
    draw = np.random.default_rng(0)
    y = draw.normal(0.7, 0.2, (1, 9)) + draw.normal(0, [[0.01], [0.02], [0.03], [0.04]], (4, 9))
    rest = ((y - y.mean()) ** 2).sum()
    rest -= 9 * ((y.mean(axis=1) - y.mean()) ** 2).sum() + 4 * ((y.mean(axis=0) - y.mean()) ** 2).sum()
    expected = rest / (3 * 8) / 9
    halves = [(high - low) / 2 for low, high in map(ends, within_cases(y))]
    assert np.mean([(half / stats.t.ppf(0.975, 8)) ** 2 for half in halves]) == pytest.approx(expected)


def test_of_two_variants_each_has_the_paired_interval_over_the_root_of_two() -> None:
    y = np.random.default_rng(1).normal(0.7, 0.2, (2, 7))
    paired = stats.ttest_rel(y[0], y[1]).confidence_interval(0.95)
    for own, interval in zip(y, within_cases(y), strict=True):
        low, high = ends(interval)
        assert high - low == pytest.approx((paired.high - paired.low) / math.sqrt(2))
        assert (low + high) / 2 == pytest.approx(own.mean())


def test_what_makes_cases_hard_for_all_does_not_count() -> None:
    y = np.random.default_rng(2).normal(0.7, 0.01, (3, 8))
    harder = y + np.linspace(-0.3, 0.3, 8)
    for first, second in zip(within_cases(y), within_cases(harder), strict=True):
        assert np.subtract(*ends(first)) == pytest.approx(np.subtract(*ends(second)))


def test_missing_values_leave_a_mean_without_their_cases_and_variants_without_any() -> None:
    y = np.array([[0.5, 0.6, 0.8, NAN], [0.4, 0.6, 0.7, 0.9], [NAN] * 4])
    first, second, none = within_cases(y)
    assert (first.n, second.n, none.n) == (3, 3, 0)
    assert (first.estimate, second.estimate, none.estimate) == (pytest.approx(1.9 / 3), pytest.approx(0.65), None)
    assert ends(first)[1] - ends(first)[0] == pytest.approx(np.subtract(*reversed(ends(within_cases(y[:2, :3])[0]))))
    assert all(interval.low is None for interval in within_cases(y[:1]))
    assert all(interval.low is None for interval in within_cases(y[:, :1]))


def test_a_moved_interval_keeps_its_width() -> None:
    interval = moved(case_interval([1.0, 2.0, 3.0]), 10.0)
    assert ends(interval) == pytest.approx((8 + ends(case_interval([1.0, 2.0, 3.0]))[0], 8 + 4.4841), abs=1e-4)
    assert ends(moved(case_interval([1.0]), 10.0)) == (10.0, 10.0)

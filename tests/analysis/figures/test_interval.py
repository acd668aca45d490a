import math

import numpy as np
import pytest
from scipy import stats

from analysis.figures.interval import Interval, case_interval


def test_three_values_by_hand() -> None:
    # Mean 2, sd 1; with two degrees of freedom t(q) = (2 q - 1) / sqrt(2 q (1 - q)), so t(0.975) = 4.3027, and half the
    # width is 4.3027 / sqrt(3) = 2.4841.
    t = 0.95 / math.sqrt(2 * 0.975 * 0.025)
    interval = case_interval([1.0, 2.0, 3.0])
    assert interval is not None
    assert interval.mean == 2
    assert interval.low == pytest.approx(2 - t / math.sqrt(3), rel=1e-9)
    assert interval.high == pytest.approx(2 + t / math.sqrt(3), rel=1e-9)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 5, 80])
def test_it_agrees_with_scipy(n: int, level: float) -> None:
    values = np.random.default_rng(n).normal(0.8, 0.1, n)
    interval = case_interval(values, level)
    assert interval is not None
    expected = stats.t.interval(level, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-12)
    assert interval.n == n
    alone = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (interval.low, interval.high) == pytest.approx((alone.low, alone.high), rel=1e-9)


def test_missing_values_are_left_out() -> None:
    nan = float("nan")
    assert case_interval([0.5, nan, 0.7, nan]) == case_interval([0.5, 0.7])
    assert case_interval([nan, nan]) is None
    assert case_interval([]) is None


def test_one_value_has_no_interval() -> None:
    interval = case_interval([0.5])
    assert interval == Interval(0.5, None, None, 1)
    assert interval.ends == (0.5, 0.5)


def test_equal_values_have_an_interval_without_width() -> None:
    interval = case_interval([0.5, 0.5, 0.5])
    assert interval is not None
    assert interval.ends == (0.5, 0.5)
    assert interval.low == 0.5

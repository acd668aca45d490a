import math

import pytest

from analysis.figures.interval import case_interval, ends

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

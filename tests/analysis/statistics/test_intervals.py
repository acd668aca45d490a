import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from analysis.statistics import Interval, bca_interval, paired_t_test, t_interval

# Student 1908: differences of hours of sleep under two drugs, ten patients.
SLEEP = [-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4]


def test_t_interval_gives_the_published_value_for_students_sleep_data() -> None:
    # Published: mean difference -1.58, 95 % interval -2.4598858 to -0.7001142.
    interval = t_interval(SLEEP)
    assert interval.n == 10
    assert interval.estimate == pytest.approx(-1.58)
    assert (interval.low, interval.high) == (
        pytest.approx(-2.4598858, abs=5e-8),
        pytest.approx(-0.7001142, abs=5e-8),
    )


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 20, 200])
def test_t_interval_agrees_with_statsmodels(level: float, n: int) -> None:
    x = np.random.default_rng(n).normal(0.85, 0.05, n)
    interval = t_interval(x, level)
    assert (interval.low, interval.high) == pytest.approx(DescrStatsW(x).tconfint_mean(1 - level), rel=1e-9)


def test_t_interval_ends_at_zero_where_the_level_is_that_of_the_test() -> None:
    p = paired_t_test(SLEEP, [0.0] * 10, "different").p
    assert p is not None
    assert t_interval(SLEEP, 1 - p).high == pytest.approx(0, abs=1e-12)


def test_bca_interval_agrees_with_its_formula() -> None:
    """Efron's formula written out for skewed values, on draws of its own.

    z0 = Phi^-1(share of means below the mean); with the means u_i that leave case i out, a = sum (u. - u_i)^3 /
    (6 (sum (u. - u_i)^2)^1.5); limits at the shares Phi(z0 + (z0 + z) / (1 - a (z0 + z))), z = -1.96, 1.96. Both draw
    100,000 times: a limit then has a standard error of about 0.6 % of the width (bound: five of the difference's).
    """
    x = np.random.default_rng(0).exponential(1, 20)
    means = np.random.default_rng(1).choice(x, (100_000, 20)).mean(axis=1)
    z0 = stats.norm.ppf((means < x.mean()).mean())
    left_out = (x.sum() - x) / 19
    u = left_out.mean() - left_out
    a = (u**3).sum() / (6 * (u**2).sum() ** 1.5)
    z = z0 + stats.norm.ppf([0.025, 0.975])
    low, high = np.quantile(means, stats.norm.cdf(z0 + z / (1 - a * z)))
    interval = bca_interval(x, resamples=100_000)
    bound = 5 * 2**0.5 * 0.006 * (high - low)
    assert interval.low is not None
    assert interval.high is not None
    assert (interval.low, interval.high) == (pytest.approx(low, abs=bound), pytest.approx(high, abs=bound))
    # Skewed to the right: the interval reaches further to the right, and more so than the plain quantiles.
    assert interval.high - x.mean() > 1.2 * (x.mean() - interval.low)


def test_bca_interval_depends_on_the_seed_alone_and_not_on_the_order() -> None:
    x = np.random.default_rng(2).normal(0, 1, 30)
    shuffled = np.random.default_rng(3).permutation(x)
    first = bca_interval(x, resamples=999, seed=7)
    again = bca_interval(shuffled, resamples=999, seed=7)
    assert (again.low, again.high) == (first.low, first.high)
    assert bca_interval(x, resamples=999, seed=8).low != first.low


@pytest.mark.parametrize(
    ("values", "of_t", "of_bca"),
    [
        ([], "there are no values", "there are no values"),
        ([0.5], "there is one value only", "there is one value only"),
        ([0.5, 0.6], None, "there are two values only"),
        ([0.5, 0.5, 0.5], "all values are equal", "all values are equal"),
        ([0.3, 0.1 + 0.2, 0.3], "all values are equal", "all values are equal"),
    ],
)
def test_without_spread_there_is_no_interval(values: list[float], of_t: str | None, of_bca: str) -> None:
    for interval, why in ((t_interval(values), of_t), (bca_interval(values), of_bca)):
        assert interval.why_none == why
        assert (interval.low is None) == (interval.high is None) == (why is not None)
        assert interval.estimate == (pytest.approx(sum(values) / len(values)) if values else None)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, math.nan])
def test_levels_outside_of_0_to_1_are_refused(level: float) -> None:
    for interval in (t_interval, bca_interval):
        with pytest.raises(ValueError, match="level must lie"):
            interval([1.0, 2.0, 4.0], level)


def test_missing_values_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        t_interval([1.0, math.nan])
    with pytest.raises(ValueError, match="one sequence"):
        bca_interval([[1.0, 2.0, 3.0]])


def test_intervals_are_values() -> None:
    assert t_interval([1.0, 2.0]) == t_interval([2.0, 1.0])
    assert isinstance(t_interval([1.0, 2.0]), Interval)

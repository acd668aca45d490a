import numpy as np
import pytest
from scipy import stats

from analysis.statistics import hierarchical_interval


def simulated(seeds: int = 3, cases: int = 20) -> np.ndarray:
    """Differences in Dice points with all three sources of variance."""
    generator = np.random.default_rng(0)
    of_case, of_seed = 2 * generator.normal(size=(1, cases)), 0.7 * generator.normal(size=(seeds, 1))
    return of_case + of_seed + 2.8 * generator.normal(size=(seeds, cases)) - 1


def test_interval_agrees_with_a_plain_loop() -> None:
    # A 2.5 % quantile of 4000 draws has a standard error of sqrt(.025 .975 / 4000) SD / .058; bound: five of them.
    d = simulated(5)
    generator = np.random.default_rng(1)
    means = [
        d[np.ix_(generator.integers(0, 5, 5), generator.integers(0, 20, 20))].mean(axis=1).mean() for _ in range(4000)
    ]
    interval = hierarchical_interval(d)
    bound = 5 * np.std(means) * (0.025 * 0.975 / 4000) ** 0.5 / stats.norm.pdf(1.96)
    assert interval.estimate == pytest.approx(d.mean())
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=bound)


def test_interval_is_wider_than_that_of_cases_alone_where_seeds_matter() -> None:
    d = np.random.default_rng(0).normal(0, 1, (5, 20)) + np.array([[-2.0], [-1], [0], [1], [2]])
    both, cases_alone = hierarchical_interval(d), hierarchical_interval(np.tile(d.mean(axis=0), (5, 1)))
    widths = [each.high - each.low for each in (both, cases_alone) if each.high is not None and each.low is not None]
    assert len(widths) == 2
    assert widths[0] > 2 * widths[1]


def test_interval_depends_on_the_seed_alone_and_not_on_the_order() -> None:
    d = simulated()
    generator = np.random.default_rng(1)
    shuffled = d[np.ix_(generator.permutation(3), generator.permutation(20))]
    one, other = hierarchical_interval(d, resamples=999), hierarchical_interval(shuffled, resamples=999)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-12)
    assert hierarchical_interval(d, resamples=999, seed=1).low != one.low


def test_interval_bears_missing_values() -> None:
    # With the values of each case equal over seeds, a gap changes neither the estimate nor a draw that has the case.
    whole = np.tile(np.random.default_rng(0).normal(0, 1, 20), (5, 1))
    gaps = np.vstack([whole, np.full((1, 20), np.nan)])
    gaps[0, 3] = gaps[1, 7] = np.nan
    one, other = hierarchical_interval(whole), hierarchical_interval(gaps)
    assert other.estimate == pytest.approx(one.estimate)
    assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.05)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.ones((1, 5)), "fewer than two seeds with a value"),
        (np.eye(2), "fewer than three cases with a value"),
        (np.ones((3, 5)), "all values are equal"),
        (np.full((3, 5), np.nan), "fewer than two seeds with a value"),
    ],
)
def test_without_spread_there_is_no_interval(values: np.ndarray, why: str) -> None:
    interval = hierarchical_interval(values)
    assert (interval.low, interval.high, interval.why_none) == (None, None, why)

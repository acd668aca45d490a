import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from analysis.statistics import Alternative, paired_t_test

# Student 1908, Table of Cushny and Peebles: hours of sleep gained under two drugs, ten patients.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_paired_t_test_gives_the_published_value_for_students_sleep_data() -> None:
    # Published: mean difference 1.58, t = 4.0621, 9 degrees of freedom, two-sided p = 0.002833.
    test = paired_t_test(FIRST, SECOND, "different")
    assert test.n == 10
    assert test.difference == pytest.approx(-1.58)
    assert test.p == pytest.approx(0.002833, abs=5e-7)
    assert paired_t_test(FIRST, SECOND, "reference higher").p == pytest.approx(0.002833 / 2, abs=5e-7)


def test_three_pairs_by_hand() -> None:
    # d = -3, -1, -2: mean -2, sd 1, t = -2 sqrt(3), two degrees of freedom: P(T <= t) = (1 + t / sqrt(2 + t^2)) / 2.
    t = -2 * math.sqrt(3)
    expected = (1 + t / math.sqrt(2 + t * t)) / 2
    test = paired_t_test([1, 2, 3], [4, 3, 5], "reference higher")
    assert test.difference == -2
    assert test.p == pytest.approx(expected, rel=1e-12)
    assert paired_t_test([1, 2, 3], [4, 3, 5], "reference lower").p == pytest.approx(1 - expected, rel=1e-12)


@pytest.mark.parametrize(
    ("alternative", "of_statsmodels"),
    [("reference higher", "smaller"), ("reference lower", "larger"), ("different", "two-sided")],
)
@pytest.mark.parametrize("n", [2, 20, 200])
def test_paired_t_test_agrees_with_statsmodels(alternative: Alternative, of_statsmodels: str, n: int) -> None:
    generator = np.random.default_rng(n)
    a, b = generator.normal(0.85, 0.05, n), generator.normal(0.87, 0.05, n)
    _, p, _ = DescrStatsW(a - b).ttest_mean(0, alternative=of_statsmodels)
    assert paired_t_test(a.tolist(), b.tolist(), alternative).p == pytest.approx(p, rel=1e-9)


def test_one_sided_p_is_uniform_where_nothing_differs() -> None:
    generator = np.random.default_rng(0)
    p = [paired_t_test(*generator.normal(0.8, 0.1, (2, 20)).tolist(), "reference higher").p for _ in range(400)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_of_a_variant_against_itself_p_is_uniform_unless_seeds_move_its_mean() -> None:
    # 200 variants of 4 seeds and 20 cases, two seeds against two; SD over cases 6, residual 2, of seeds 0 or 2.
    generator = np.random.default_rng(0)
    still = 6 * generator.normal(size=(200, 1, 20)) + 2 * generator.normal(size=(200, 4, 20))
    moved = still + 2 * generator.normal(size=(200, 4, 1))
    p_still, p_moved = (
        [paired_t_test(*y.reshape(2, 2, 20).mean(axis=1).tolist(), "different").p for y in each]
        for each in (still, moved)
    )
    assert stats.kstest(p_still, "uniform").pvalue > 0.01
    assert np.mean([p is not None and p < 0.05 for p in p_moved]) > 0.5


def test_order_of_cases_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(10)
    shuffled = paired_t_test(np.take(FIRST, order).tolist(), np.take(SECOND, order).tolist(), "reference higher")
    assert shuffled.p == pytest.approx(paired_t_test(FIRST, SECOND, "reference higher").p, rel=1e-12)


@pytest.mark.parametrize(
    ("variant", "reference", "difference", "why"),
    [
        ([], [], None, "there are no pairs"),
        ([0.5], [0.7], -0.2, "there is one pair only"),
        ([0.5, 0.6], [0.5, 0.6], 0.0, "all pairs are identical"),
        ([0.1, 0.2, 0.3], [0.2, 0.3, 0.4], -0.1, "all differences are equal"),
    ],
)
def test_without_variance_there_is_no_p(
    variant: list[float], reference: list[float], difference: float | None, why: str
) -> None:
    test = paired_t_test(variant, reference, "reference higher")
    assert test.difference == (None if difference is None else pytest.approx(difference))
    assert test.p is None
    assert test.why_no_p == why


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([1.0, float("nan")], [1.0, 2.0])])
def test_unmatched_or_missing_values_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected two sequences|not finite"):
        paired_t_test(a, b, "different")

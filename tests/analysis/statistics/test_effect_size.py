import math

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.stats.effect_size import _noncentrality_t

from analysis.statistics import hedges_g, paired_t_test

# Student 1908, Table of Cushny and Peebles: hours of sleep gained under two drugs, ten patients.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_sleep_data_by_hand() -> None:
    # Published t = -4.0621 of ten pairs: d_z = t / sqrt(10) = -1.28456; J(9) = Gamma(4.5) / (sqrt(4.5) Gamma(4))
    # = 11.63173 / (2.12132 * 6) = 0.913875; g = -1.17392.
    size = hedges_g(FIRST, SECOND)
    assert size.n == 10
    assert size.g == pytest.approx(-1.17392, abs=2e-5)


@pytest.mark.parametrize("n", [3, 20, 500])
@pytest.mark.parametrize("shift", [0.0, 0.3, -2.0])
def test_g_and_its_interval_agree_with_independent_formulas(n: int, shift: float) -> None:
    a, b = np.random.default_rng(n).normal([[shift], [0.0]], 1, (2, n))
    d = a - b
    t = d.mean() / d.std(ddof=1) * n**0.5
    m = n - 1
    j = np.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / (m / 2) ** 0.5
    size = hedges_g(a, b)
    assert size.g == pytest.approx(j * t / n**0.5, rel=1e-10)
    low, high = _noncentrality_t(t, m).confint / n**0.5
    assert (size.low, size.high) == (pytest.approx(low, rel=1e-6), pytest.approx(high, rel=1e-6))


@pytest.mark.parametrize("n", [3, 5, 20])
def test_the_correction_makes_g_unbiased(n: int) -> None:
    # sqrt(n) d_z is noncentral t, whose mean is known: the mean of g is delta itself.
    delta = 0.8
    of_d_z = stats.nct.mean(n - 1, n**0.5 * delta) / n**0.5
    x = np.random.default_rng(n).normal(0, 1, n)
    corrected = hedges_g(x, np.zeros(n)).g
    assert corrected is not None
    j = corrected / (x.mean() / x.std(ddof=1))
    assert j * of_d_z == pytest.approx(delta, rel=1e-9)


def test_interval_ends_at_zero_where_the_level_is_that_of_the_test() -> None:
    p = paired_t_test(FIRST, SECOND, "different").p
    assert p is not None
    assert hedges_g(FIRST, SECOND, 1 - p).high == pytest.approx(0, abs=1e-8)


def test_swapped_sides_and_shuffled_cases() -> None:
    order = np.random.default_rng(1).permutation(10)
    one, other = hedges_g(FIRST, SECOND), hedges_g(np.take(SECOND, order), np.take(FIRST, order))
    assert (one.g, one.low, one.high) == pytest.approx((-other.g, -other.high, -other.low), rel=1e-8)


def test_a_very_large_effect_has_an_interval() -> None:
    x = 100 + np.random.default_rng(0).normal(0, 1, 20)
    size = hedges_g(x, np.zeros(20))
    assert size.low is not None
    assert size.high is not None
    assert size.low < size.g < size.high


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ([], [], "there are no pairs"),
        ([1.0], [2.0], "there is one pair only"),
        ([1.0, 3.0], [2.0, 2.0], "there are two pairs only"),
        ([0.1, 0.2, 0.3], [0.2, 0.3, 0.4], "the differences do not vary"),
    ],
)
def test_where_it_does_not_exist_the_reason_is_given(a: list[float], b: list[float], why: str) -> None:
    size = hedges_g(a, b)
    assert (size.g, size.low, size.high, size.why_none) == (None, None, None, why)


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([1.0, math.nan], [1.0, 2.0])])
def test_unmatched_or_missing_values_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected two sequences|not finite"):
        hedges_g(a, b)

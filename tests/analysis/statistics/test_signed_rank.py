import itertools
import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import Alternative, wilcoxon
from analysis.statistics.signed_rank import EXACT_TO

# Student 1908, Table of Cushny and Peebles: hours of sleep gained under two drugs, ten patients.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]

SIDES: dict[Alternative, str] = {
    "reference higher": "less",
    "reference lower": "greater",
    "different": "two-sided",
}


def test_sleep_data_by_hand() -> None:
    # d: -1.2 -2.4 -1.3 -1.3 0 -1 -1.8 -.8 -4.6 -1.4. One zero is left out, -1.3 is tied (though 0.7 - 1.9 and the like
    # round differently), and no rank is positive: of 2^9 sign patterns one has W <= 0.
    test = wilcoxon(FIRST, SECOND, "reference higher")
    assert (test.n, test.difference) == (10, pytest.approx(-1.58))
    assert test.p == pytest.approx(1 / 512, rel=1e-12)
    assert wilcoxon(FIRST, SECOND, "different").p == pytest.approx(2 / 512, rel=1e-12)
    assert wilcoxon(FIRST, SECOND, "reference lower").p == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("alternative", SIDES)
@pytest.mark.parametrize("n", [1, 5, 20, 50])
def test_p_without_ties_is_scipys_exact_one(alternative: Alternative, n: int) -> None:
    a, b = np.random.default_rng(n).normal([[0.85], [0.87]], 0.05, (2, n))
    test = wilcoxon(a, b, alternative)
    expected = stats.wilcoxon(a, b, alternative=SIDES[alternative], method="exact")
    assert test.p == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize("alternative", SIDES)
def test_p_with_ties_and_zeros_is_the_share_of_sign_patterns(alternative: Alternative) -> None:
    # Distances in voxels tie often: sizes 1 1 1 2 2 5 have the mean ranks 2 2 2 4.5 4.5 6; two zeros are left out.
    d = np.array([1.0, 0.0, -1.0, 2.0, 1.0, 0.0, 2.0, -5.0])
    ranks = [2, 2, 4.5, 2, 4.5, 6]
    w = 2 + 4.5 + 2 + 4.5
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product([0, 1], repeat=6)]
    below, above = np.mean([s <= w for s in sums]), np.mean([s >= w for s in sums])
    expected = {"reference higher": below, "reference lower": above, "different": min(1, 2 * min(below, above))}
    test = wilcoxon(d, np.zeros(8), alternative)
    assert test.p == pytest.approx(expected[alternative], rel=1e-12)


@pytest.mark.parametrize("alternative", SIDES)
def test_many_pairs_take_the_normal_distribution_as_scipy_does(alternative: Alternative) -> None:
    d = np.random.default_rng(3).integers(-9, 11, 400).astype(float)
    test = wilcoxon(d, np.zeros(400), alternative)
    expected = stats.wilcoxon(d, alternative=SIDES[alternative], method="approx", correction=False)
    assert test.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_exact_and_normal_p_meet_where_one_takes_over() -> None:
    d = np.random.default_rng(4).normal(0.1, 1, EXACT_TO + 1)
    normal = wilcoxon(d, np.zeros(EXACT_TO + 1), "reference lower")
    exact = stats.wilcoxon(d, alternative="greater", method="exact")
    assert normal.p != pytest.approx(exact.pvalue, rel=1e-9)
    assert normal.p == pytest.approx(exact.pvalue, abs=5e-4)


def test_rounding_makes_neither_differences_nor_ranks() -> None:
    # 0.3 - 0.2 and 0.2 - 0.1 differ by 3e-17; so does 0.1 + 0.2 from 0.3. Three ranks of 2, two of them positive: of 8
    # sign patterns, W >= 4 in four. With a fourth pair or other ranks it would be more.
    assert wilcoxon([0.3, 0.2, 0.1 + 0.2, 0.9], [0.2, 0.1, 0.3, 1.0], "reference lower").p == 0.5


def test_order_of_cases_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(10)
    assert wilcoxon(np.take(FIRST, order), np.take(SECOND, order), "different") == wilcoxon(FIRST, SECOND, "different")


@pytest.mark.parametrize(
    ("a", "b", "why"), [([], [], "there are no pairs"), ([0.3, 0.5], [0.3, 0.5], "all pairs are identical")]
)
def test_without_a_difference_there_is_no_p(a: list[float], b: list[float], why: str) -> None:
    test = wilcoxon(a, b, "reference higher")
    assert (test.p, test.why_no_p) == (None, why)


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([1.0, math.nan], [1.0, 2.0])])
def test_unmatched_or_missing_values_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected two sequences|not finite"):
        wilcoxon(a, b, "different")

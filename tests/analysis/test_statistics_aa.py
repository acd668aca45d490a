import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import aa_check, paired_t_test


def test_every_other_seed_is_averaged_per_case() -> None:
    y = [[0.8, 0.7, 0.9], [0.5, 0.6, 0.9], [0.6, 0.7, 0.7]]
    assert aa_check(y) == paired_t_test([0.7, 0.7, 0.8], [0.5, 0.6, 0.9], "different")


def test_cases_without_a_value_in_one_half_are_left_out() -> None:
    y = [[0.8, 0.7, math.nan, 0.5], [0.5, math.nan, 0.9, 0.7], [0.6, 0.7, math.nan, math.nan], [0.5, 0.9, 0.4, 0.1]]
    # Third case: no value in the first half. Second: the second half has one seed.
    test = aa_check(y)
    expected = paired_t_test([0.7, 0.7, 0.5], [0.5, 0.9, 0.4], "different")
    assert test.n == 3
    assert test.p == pytest.approx(expected.p)


def test_p_is_uniform_where_seeds_move_no_mean_and_small_where_they_do() -> None:
    # 200 variants of 4 seeds and 20 cases, in Dice points: SD over cases 6, residual 2; with and without seeds of SD 2.
    generator = np.random.default_rng(0)
    still = 6 * generator.normal(size=(200, 1, 20)) + 2 * generator.normal(size=(200, 4, 20))
    moved = still + 2 * generator.normal(size=(200, 4, 1))
    p_still, p_moved = ([aa_check(y).p for y in each] for each in (still, moved))
    assert stats.kstest(p_still, "uniform").pvalue > 0.01
    assert np.mean([p is not None and p < 0.05 for p in p_moved]) > 0.5


def test_one_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two seeds, found 1"):
        aa_check([[0.5, 0.6]])

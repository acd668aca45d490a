import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from analysis.statistics import (
    Alternative,
    SeedVariance,
    crossed_test,
    paired_t_test,
    seed_variance,
)
from analysis.statistics.crossed import mean_squares


def simulated(seeds: int = 3, cases: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two methods in Dice points, the second 1 better; cases matter most."""
    generator = np.random.default_rng(seed)
    y = 85 + 6 * generator.normal(size=(1, 1, cases)) + 1.5 * generator.normal(size=(2, 1, cases))
    y = y + 0.5 * generator.normal(size=(2, seeds, 1)) + 2 * generator.normal(size=(2, seeds, cases))
    return y[0], y[1] + 1


def test_three_seeds_three_cases_by_hand() -> None:
    """Differences 1 2 3, 2 3 7 and 3 4 2, hence means of cases 2 3 4, of seeds 2 4 3, of all 3.

    MS_seed = 3 (1 + 1 + 0) / 2 = 3, MS_case = 3 (1 + 0 + 1) / 2 = 3, the residuals 0 0 0, -1 -1 2, 1 1 -2 give
    MS_residual = 12 / 4 = 3: seed_part = 3 / 9, case_part = (3 - 3) / 9 = 0. t = 3 / sqrt(1 / 3) = 3 sqrt(3) with two
    degrees of freedom, where P(T >= t) = (1 - t / sqrt(2 + t^2)) / 2.
    """
    d = np.array([[1.0, 2, 3], [2, 3, 7], [3, 4, 2]])
    tail = (1 - math.sqrt(27) / math.sqrt(29)) / 2
    for alternative, p in (("reference lower", tail), ("reference higher", 1 - tail), ("different", 2 * tail)):
        test = crossed_test(d + 10, np.full((3, 3), 10.0), alternative)  # type: ignore[arg-type]
        assert test.difference == pytest.approx(3)
        assert test.seed_part == pytest.approx(1 / 3)
        assert test.case_part == pytest.approx(0, abs=1e-12)
        assert test.p == pytest.approx(p, rel=1e-9)


def test_mean_squares_are_those_of_statsmodels_analysis_of_variance() -> None:
    y = simulated(4, 12)[0]
    seed, case = np.indices(y.shape)
    long = pd.DataFrame({"y": y.ravel(), "seed": seed.ravel(), "case": case.ravel()})
    squares = mean_squares(y)
    expected = tuple(anova_lm(ols("y ~ C(case) + C(seed)", long).fit())["mean_sq"])
    assert (squares.case, squares.seed, squares.residual) == pytest.approx(expected, rel=1e-9)


def test_mean_squares_hold_the_variances_of_cases_seeds_and_the_rest() -> None:
    # 400 sets, SD 3 over cases, 2 over seeds, 1 of the rest: the means within four standard errors of the expectations.
    draw = np.random.default_rng(0)
    sets = 3 * draw.normal(size=(400, 1, 15)) + 2 * draw.normal(size=(400, 4, 1)) + draw.normal(size=(400, 4, 15))
    found = [mean_squares(y) for y in sets]
    for name, expected in (("case", 1 + 4 * 9.0), ("seed", 1 + 15 * 4.0), ("residual", 1.0)):
        own = np.array([getattr(squares, name) for squares in found])
        assert abs(own.mean() - expected) < 4 * own.std() / 400**0.5


def test_without_anything_of_the_seeds_it_is_the_paired_t_test() -> None:
    of_case = np.random.default_rng(0).normal(0.3, 1, 12)
    variant = np.tile(of_case, (3, 1))
    for alternative in ("reference higher", "reference lower", "different"):
        expected = paired_t_test(of_case.tolist(), [0.0] * 12, alternative)  # type: ignore[arg-type]
        test = crossed_test(variant, np.zeros((3, 12)), alternative)  # type: ignore[arg-type]
        assert test.p == pytest.approx(expected.p, rel=1e-7)


def test_p_and_interval_follow_from_the_parts() -> None:
    # Two parts that both count: the size of the difference is sqrt(seed t_2^2 + case t_19^2) at the tail p / 2.
    test = crossed_test(*simulated(), "different")
    assert test.p is not None
    assert test.case_part is not None
    assert test.seed_part is not None
    assert test.case_part > 0
    tail = stats.t.isf(test.p / 2, [2, 19])
    assert test.seed_part * tail[0] ** 2 + test.case_part * tail[1] ** 2 == pytest.approx(test.difference**2, rel=1e-6)
    at_p = crossed_test(*simulated(), "different", level=1 - test.p).interval
    assert at_p.high == pytest.approx(0, abs=1e-6)
    assert test.interval.n == 20
    assert test.interval.estimate == test.difference


@pytest.mark.parametrize(("one", "other"), [("reference higher", "reference lower"), ("different", "different")])
def test_swapped_sides_give_the_mirrored_test(one: Alternative, other: Alternative) -> None:
    variant, reference = simulated()
    first, second = crossed_test(variant, reference, one), crossed_test(reference, variant, other)
    assert first.p == pytest.approx(second.p)
    assert (first.interval.low, first.interval.high) == pytest.approx((-second.interval.high, -second.interval.low))


def test_order_of_seeds_and_cases_does_not_matter() -> None:
    variant, reference = simulated()
    generator = np.random.default_rng(1)
    order = np.ix_(generator.permutation(3), generator.permutation(20))
    one = crossed_test(variant, reference, "different")
    other = crossed_test(variant[order], reference[order], "different")
    assert other.p == pytest.approx(one.p, rel=1e-9)


def test_missing_values_on_either_side_leave_the_case_out_and_failed_seeds_go_first() -> None:
    variant, reference = simulated(4)
    expected = crossed_test(np.delete(variant[1:], [2, 9], 1), np.delete(reference[1:], [2, 9], 1), "different")
    variant[0], variant[1, 2], reference[3, 9] = np.nan, np.nan, np.nan
    test = crossed_test(variant, reference, "different")
    assert (test.seeds, test.cases, test.left_out) == (3, 18, 2)
    assert test.p == expected.p


def test_a_huge_difference_has_a_tiny_p_and_none_has_one_half() -> None:
    d = np.random.default_rng(0).normal(0, 1e-3, (3, 20))
    assert crossed_test(d + 1e9, 0 * d, "reference lower", pooled=seeds_of(1e-9)).p == pytest.approx(0, abs=1e-90)
    assert crossed_test([[1.0, -1.0], [-1.0, 1.0]], np.zeros((2, 2)), "reference lower").p == 0.5
    assert crossed_test([[1.0, -1.0], [-1.0, 1.0]], np.zeros((2, 2)), "different").p == 1


def seeds_of(variance: float | None, df: int = 12) -> SeedVariance:
    return SeedVariance(7, 3, 20, variance, df, None if variance is not None else "fewer than two variants")


@pytest.mark.parametrize(
    ("variant", "reference", "pooled", "why"),
    [
        (np.ones((1, 5)), np.zeros((1, 5)), None, "fewer than two seeds"),
        (np.ones((3, 1)), np.zeros((3, 1)), None, "fewer than two cases"),
        (np.full((3, 5), np.nan), np.zeros((3, 5)), None, "fewer than two seeds"),
        (np.tile([0.1, 0.2, 0.3], (2, 1)), np.tile([0.2, 0.3, 0.4], (2, 1)), None, "all differences are equal"),
        (np.eye(3), np.zeros((3, 3)), seeds_of(None), "no variance between seeds: fewer than two variants"),
    ],
)
def test_where_it_does_not_exist_the_reason_is_given(
    variant: np.ndarray, reference: np.ndarray, pooled: SeedVariance | None, why: str
) -> None:
    test = crossed_test(variant, reference, "different", pooled=pooled)
    assert (test.p, test.seed_part, test.interval.low) == (None, None, None)
    assert test.why_no_p is not None
    assert test.why_no_p.startswith(why)


def test_unmatched_and_infinite_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="same seeds and cases"):
        crossed_test(np.ones((3, 4)), np.ones((2, 4)), "different")
    with pytest.raises(ValueError, match="infinite"):
        crossed_test([[math.inf, 1.0]], [[0.0, 1.0]], "different")
    with pytest.raises(ValueError, match="level must lie"):
        crossed_test(np.eye(3), np.zeros((3, 3)), "different", level=95)


def test_pooled_over_two_variants_it_is_what_the_two_alone_say() -> None:
    y = np.array(simulated())
    alone, pooled = crossed_test(*y, "different"), crossed_test(*y, "different", pooled=seed_variance(y))
    assert pooled.p == pytest.approx(alone.p)
    assert pooled.seed_part == pytest.approx(alone.seed_part)


def test_pooled_seed_variance_takes_the_place_of_the_own_one_with_its_degrees_of_freedom() -> None:
    test = crossed_test(*simulated(), "different", pooled=seeds_of(0.3))
    assert test.seed_part == pytest.approx(2 * 0.3 / 3)
    assert test.p is not None
    tail = stats.t.isf(test.p / 2, [12, 19])
    assert test.seed_part * tail[0] ** 2 + test.case_part * tail[1] ** 2 == pytest.approx(test.difference**2, rel=1e-6)

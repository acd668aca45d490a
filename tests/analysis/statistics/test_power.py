import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from analysis.statistics import (
    Alternative,
    VarianceComponents,
    detectable_difference,
    detectable_difference_over_seeds,
    variance_components,
)

SIDES: dict[Alternative, str] = {"reference higher": "larger", "reference lower": "larger", "different": "two-sided"}


def test_cohens_example() -> None:
    # A one-sample d of 0.5 needs 34 cases for 80 % power at 5 % two-sided (G*Power's manual and Cohen's table).
    assert detectable_difference(1.0, 33) > 0.5 > detectable_difference(1.0, 34)  # type: ignore[operator]


@pytest.mark.parametrize("alternative", SIDES)
@pytest.mark.parametrize(
    ("n", "alpha", "power"), [(2, 0.05, 0.8), (20, 0.05, 0.8), (20, 0.05 / 6, 0.9), (80, 0.01, 0.5)]
)
def test_difference_agrees_with_statsmodels(alternative: Alternative, n: int, alpha: float, power: float) -> None:
    found = detectable_difference(3.0, n, alpha, power, alternative)
    assert found is not None
    reached = TTestPower().power(found / 3.0, n, alpha, alternative=SIDES[alternative])
    assert reached == pytest.approx(power, abs=1e-6)


def test_difference_scales_with_the_spread_and_is_missing_below_two_cases() -> None:
    one, two = detectable_difference(1.0, 20), detectable_difference(2.0, 20)
    assert one is not None
    assert two == pytest.approx(2 * one)
    assert detectable_difference(0.0, 20) == 0
    assert detectable_difference(1.0, 1) is None


PARTS = VarianceComponents(3, 20, 0, 0.0, case_sd=2.1, seed_sd=0.7, residual_sd=2.8)


@pytest.mark.parametrize("df", [None, 12])
@pytest.mark.parametrize(("seeds", "cases"), [(3, 20), (5, 20), (10, 80)])
def test_power_over_seeds_is_reached_in_simulated_sweeps(seeds: int, cases: int, df: int | None) -> None:
    # The three mean squares of 40,000 sweeps drawn as they are distributed, the test of `crossed_test` written out.
    difference = detectable_difference_over_seeds(PARTS, seeds, cases, seed_degrees_of_freedom=df)
    assert difference is not None
    generator = np.random.default_rng(0)
    own, k, count = df or seeds - 1, seeds * cases, 40_000
    e, u, c = 2.8**2, 2.8**2 + cases * 0.7**2, 2.8**2 + seeds * 2.1**2
    ms_seed = u * generator.chisquare(own, count) / own
    ms_case = c * generator.chisquare(cases - 1, count) / (cases - 1)
    ms_rest = e * generator.chisquare((seeds - 1) * (cases - 1), count) / ((seeds - 1) * (cases - 1))
    mean = difference + ((u + c - e) / k) ** 0.5 * generator.normal(size=count)
    t_seed, t_case = stats.t.isf(0.025, [own, cases - 1])
    limit = ((ms_seed * t_seed**2 + np.maximum(ms_case - ms_rest, 0) * t_case**2) / k) ** 0.5
    assert np.mean(np.abs(mean) > limit) == pytest.approx(0.8, abs=0.01)


def test_without_anything_of_the_seeds_it_is_the_difference_of_the_paired_t_test() -> None:
    parts = VarianceComponents(3, 20, 0, 0.0, case_sd=2.0, seed_sd=0.0, residual_sd=0.0)
    for alternative in SIDES:
        expected = detectable_difference(2.0, 20, alternative=alternative)
        assert detectable_difference_over_seeds(parts, 3, 20, alternative=alternative) == pytest.approx(
            expected, rel=5e-3
        )


def test_more_seeds_and_more_cases_show_smaller_differences() -> None:
    found = [detectable_difference_over_seeds(PARTS, s, n) for s, n in ((2, 20), (3, 20), (5, 20), (5, 80))]
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]
    assert detectable_difference_over_seeds(PARTS, 1, 20) is None
    assert detectable_difference_over_seeds(PARTS, 3, 1) is None
    assert detectable_difference_over_seeds(variance_components(np.ones((1, 5))), 3, 20) is None
    assert detectable_difference_over_seeds(variance_components(np.ones((3, 5))), 3, 20) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"power": 0.05}, "power"),
        ({"power": 1.0}, "power"),
    ],
)
def test_levels_that_make_no_sense_are_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        detectable_difference(1.0, 20, **given)
    with pytest.raises(ValueError, match=said):
        detectable_difference_over_seeds(PARTS, 3, 20, **given)


def test_negative_spread_and_degrees_of_freedom_are_refused() -> None:
    with pytest.raises(ValueError, match="standard deviation"):
        detectable_difference(-1.0, 20)
    with pytest.raises(ValueError, match="degrees of freedom"):
        detectable_difference_over_seeds(PARTS, 3, 20, seed_degrees_of_freedom=0)

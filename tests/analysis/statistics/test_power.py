import pytest
from statsmodels.stats.power import TTestPower

from analysis.statistics import Alternative, detectable_difference

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


def test_a_negative_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="standard deviation"):
        detectable_difference(-1.0, 20)

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import mixedlm, ols
from statsmodels.stats.anova import anova_lm

from analysis.statistics import variance_components


def simulated(seeds: int, cases: int, sds: tuple[float, float, float], seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    case, own, rest = sds
    return (
        case * generator.normal(size=(1, cases))
        + own * generator.normal(size=(seeds, 1))
        + rest * generator.normal(size=(seeds, cases))
    )


def long(y: np.ndarray) -> pd.DataFrame:
    seed, case = np.indices(y.shape)
    return pd.DataFrame({"y": y.ravel(), "seed": seed.ravel(), "case": case.ravel(), "all": 1})


def test_two_seeds_three_cases_by_hand() -> None:
    """Scores 6 7 8 and 9 7 11.

    Means of cases 7.5 7 9.5, of seeds 7 9, of all 8. MS_case = 2 (.25 + 1 + 2.25) / 2 = 3.5; MS_seed = 3 (1 + 1) / 1 =
    6; residuals of the first seed 6 - 7.5 - 7 + 8 = -.5, 1, -.5, of the second the opposite: MS_residual = 3 / 2. So E
    is 1.5, C = (3.5 - 1.5) / 2 = 1, U = (6 - 1.5) / 3 = 1.5.
    """
    parts = variance_components([[6, 7, 8], [9, 7, 11]])
    assert (parts.seeds, parts.cases, parts.left_out, parts.mean) == (2, 3, 0, 8)
    assert parts.case_sd == pytest.approx(1)
    assert parts.seed_sd == pytest.approx(1.5**0.5)
    assert parts.residual_sd == pytest.approx(1.5**0.5)
    assert parts.sd_of_seed_mean(3) == pytest.approx((1 + 0.5) ** 0.5)


def test_mean_squares_are_those_of_statsmodels_analysis_of_variance() -> None:
    y = simulated(4, 12, (5.0, 1.0, 2.0))
    table = anova_lm(ols("y ~ C(case) + C(seed)", long(y)).fit())["mean_sq"]
    squares = variance_components(y).mean_squares
    assert squares is not None
    assert (squares.case, squares.seed, squares.residual) == pytest.approx(tuple(table), rel=1e-9)


def test_components_are_the_reml_estimates_of_the_crossed_mixed_model() -> None:
    y = simulated(5, 10, (3.0, 2.0, 1.0))
    model = mixedlm("y ~ 1", long(y), groups="all", vc_formula={"a": "0 + C(case)", "b": "0 + C(seed)"}, re_formula="0")
    fit = model.fit(reml=True)
    parts = variance_components(y)
    sds = (*np.sqrt(fit.vcomp), fit.scale**0.5)
    assert (parts.case_sd, parts.seed_sd, parts.residual_sd) == pytest.approx(sds, rel=1e-3)


def test_estimates_are_unbiased() -> None:
    # 400 sets: the mean of each estimated variance within four standard errors of the truth, were none cut at 0.
    found = [variance_components(simulated(4, 15, (3.0, 2.0, 1.0), seed)) for seed in range(400)]
    for true, name in ((9.0, "case_sd"), (4.0, "seed_sd"), (1.0, "residual_sd")):
        variances = np.array([getattr(parts, name) for parts in found]) ** 2
        assert abs(variances.mean() - true) < 4 * variances.std() / 400**0.5


def test_a_negative_estimate_is_zero_and_seen_in_the_mean_squares() -> None:
    parts = variance_components([[1.0, 2.0], [2.0, 1.0]])  # the seeds' means are equal, and so are the cases'
    assert (parts.case_sd, parts.seed_sd) == (0, 0)
    assert parts.mean_squares is not None
    assert parts.mean_squares.case < parts.mean_squares.residual


def test_order_of_seeds_and_cases_does_not_matter() -> None:
    y = simulated(3, 20, (5.0, 1.0, 2.0))
    generator = np.random.default_rng(1)
    shuffled = y[generator.permutation(3)][:, generator.permutation(20)]
    one, other = variance_components(y), variance_components(shuffled)
    assert (other.case_sd, other.seed_sd, other.residual_sd) == pytest.approx(
        (one.case_sd, one.seed_sd, one.residual_sd), rel=1e-12
    )


def test_seeds_without_values_go_first_then_incomplete_cases() -> None:
    y = simulated(4, 10, (5.0, 1.0, 2.0))
    gaps = y.copy()
    gaps[2] = np.nan  # a trial that failed
    gaps[0, 4] = gaps[1, 7] = np.nan  # distances of empty predictions
    parts = variance_components(gaps)
    expected = variance_components(np.delete(y[[0, 1, 3]], [4, 7], axis=1))
    assert (parts.seeds, parts.cases, parts.left_out) == (3, 8, 2)
    assert (parts.case_sd, parts.seed_sd) == (expected.case_sd, expected.seed_sd)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.ones((1, 5)), "fewer than two seeds"),
        (np.ones((3, 1)), "fewer than two cases"),
        (np.full((3, 5), np.nan), "fewer than two seeds"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "fewer than two cases"),
        (np.empty((0, 0)), "fewer than two seeds"),
    ],
)
def test_where_components_can_not_be_told_the_reason_is_given(values: np.ndarray, why: str) -> None:
    parts = variance_components(values)
    assert (parts.case_sd, parts.seed_sd, parts.residual_sd, parts.sd_of_seed_mean(3)) == (None,) * 4
    assert parts.why_none is not None
    assert parts.why_none.startswith(why)


@pytest.mark.parametrize("values", [[1.0, 2.0], [[1.0, math.inf]]])
def test_wrong_shapes_and_infinite_scores_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected scores \[S, N\]|infinite"):
        variance_components(values)

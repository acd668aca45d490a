import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import normality_doubt

# Weights of eleven men, the example of Shapiro and Wilk's paper: W = 0.79, p about 0.01.
WEIGHTS = [148.0, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236]


def test_published_example_is_in_doubt() -> None:
    assert normality_doubt(WEIGHTS) == pytest.approx(0.007, abs=0.001)


def test_p_is_scipys_and_order_does_not_matter() -> None:
    x = np.random.default_rng(0).normal(0, 1, 20)
    assert normality_doubt(x) == pytest.approx(stats.shapiro(x).pvalue)
    assert normality_doubt(x[::-1]) == pytest.approx(normality_doubt(x))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [0.5] * 20, np.arange(5001.0)])
def test_where_it_says_nothing_it_is_missing(values: list[float]) -> None:
    assert normality_doubt(values) is None


def test_missing_values_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        normality_doubt([1.0, math.nan, 2.0])

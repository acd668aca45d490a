import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from analysis.statistics import holm


def test_steps_by_hand() -> None:
    # Sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04; none may fall below its predecessor, so the last is .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("m", [1, 2, 6, 40])
def test_adjusted_values_agree_with_statsmodels(m: int) -> None:
    p = np.random.default_rng(m).uniform(0, 0.2, m).round(2)  # rounded: ties
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])


def test_a_missing_test_stays_missing_and_does_not_count() -> None:
    assert holm([None, 0.02, None, 0.01]) == [None, 0.02, None, 0.02]
    assert holm([]) == []
    assert holm([None]) == [None]


def test_order_does_not_matter() -> None:
    p = [0.3, None, 0.001, 0.02, 0.02]
    order = [4, 2, 0, 1, 3]
    assert holm([p[i] for i in order]) == [holm(p)[i] for i in order]


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        holm([0.5, p])

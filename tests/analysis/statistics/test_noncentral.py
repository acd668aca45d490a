import math

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import ndtr

from analysis.statistics.noncentral import above, noncentrality_of


@pytest.mark.parametrize("df", [1, 2, 19, 499])
@pytest.mark.parametrize("noncentrality", [-9.0, 0.0, 1.5, 12.0])
@pytest.mark.parametrize("t", [-12.7, -2.1, 0.0, 2.1, 12.7])
def test_upper_tail_agrees_with_its_integral(t: float, df: int, noncentrality: float) -> None:
    # T = (Z + noncentrality) / s with s = sqrt(chi2 / df): P(T > t) is the mean of Phi(noncentrality - t s) over s,
    # whose density is 2 (df / 2)^(df / 2) / Gamma(df / 2) s^(df - 1) exp(-df s^2 / 2).
    constant = math.log(2) + df / 2 * math.log(df / 2) - math.lgamma(df / 2)
    expected = integrate.quad(
        lambda s: ndtr(noncentrality - t * s) * math.exp(constant + (df - 1) * math.log(s) - df * s * s / 2),
        *stats.chi(df, scale=df**-0.5).ppf([1e-13, 1 - 1e-13]),
        limit=200,
    )[0]
    assert above(t, df, noncentrality) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("df", [1, 19, 499])
@pytest.mark.parametrize("t", [-60.0, -2.0, 0.0, 3.0, 450.0])
@pytest.mark.parametrize("share", [0.005, 0.5, 0.975])
def test_noncentrality_gives_the_share_asked_for(t: float, df: int, share: float) -> None:
    found = noncentrality_of(t, df, share)
    assert np.isfinite(found)
    assert above(t, df, found) == pytest.approx(share, abs=1e-8)

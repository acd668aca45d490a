from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.figures.comparison import Comparison
from analysis.figures.curves import sensitivities
from analysis.figures.interval import ends

Make = Callable[..., Comparison]


def test_two_axes_give_a_figure_each_with_the_other_as_curves(make_comparison: Make) -> None:
    grid = [(rate, size) for rate in (0.0, 0.1, 0.5) for size in (8, 64, 128)]
    names = [f"dropout={rate}, pool_size={size}" for rate, size in grid]
    settings = {n: {"projection.dropout": r, "projection.pool_size": s} for n, (r, s) in zip(names, grid, strict=True)}
    comparison = make_comparison({name: [0.5 + 0.01 * n, 0.6] for n, name in enumerate(names)}, settings=settings)
    first, second = sensitivities(comparison)
    assert (first.setting, second.setting) == ("projection.dropout", "projection.pool_size")
    assert [curve.name for curve in first.curves] == ["pool_size = 8", "pool_size = 64", "pool_size = 128"]
    assert [[point.setting for point in curve.points] for curve in second.curves] == [[8, 64, 128]] * 3
    assert first.curves[2].points[1].variant == "dropout=0.1, pool_size=128"


def test_switches_and_too_few_values_give_no_curve(make_comparison: Make) -> None:
    settings: dict[str, dict[str, Any]] = {
        "all": {"loss.sdm": 0.1, "loss.contrast": 0.5, "augment.flip": True, "method": "simcvd"},
        "no sdm": {"loss.sdm": 0.0, "loss.contrast": 0.5, "augment.flip": True, "method": "simcvd"},
        "no contrast": {"loss.sdm": 0.1, "loss.contrast": 0.0, "augment.flip": True, "method": "simcvd"},
        "no flip": {"loss.sdm": 0.1, "loss.contrast": 0.5, "augment.flip": False, "method": "simcvd"},
        "other": {"loss.sdm": 0.1, "loss.contrast": 0.5, "augment.flip": True, "method": "dan"},
    }
    assert sensitivities(make_comparison({name: [0.5, 0.6] for name in settings}, settings=settings)) == []


def test_a_band_leaves_out_the_level_exactly_where_p_is_below_005(make_comparison: Make) -> None:
    draw = np.random.default_rng(1)
    hard = draw.normal(0.8, 0.1, 15)
    values = {str(n): hard - 0.003 * n + draw.normal(0, 0.02, 15) for n in range(1, 9)}
    settings = {name: {"loss.sdm": int(name)} for name in values}
    (data,) = sensitivities(make_comparison(values, settings=settings))
    assert data.level == pytest.approx(values["1"].mean())
    found = []
    for point in data.curves[0].points[1:]:
        low, high = ends(point.interval)
        found.append(not low < data.level < high)
        assert found[-1] == (stats.ttest_rel(values[point.variant], values["1"]).pvalue < 0.05)
    assert True in found
    assert False in found

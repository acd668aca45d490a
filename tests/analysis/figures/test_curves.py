from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.figures.comparison import Comparison
from analysis.figures.curves import sensitivities
from analysis.figures.interval import ends
from analysis.statistics import paired_t_test

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


def test_with_other_seeds_than_the_reference_the_band_is_on_the_side_of_the_difference(make_comparison: Make) -> None:
    """b is better on the seed that it shares with the reference, whose other seed was lucky."""
    draw = np.random.default_rng(2)
    hard = draw.normal(0.8, 0.05, 12)
    values = {name: hard + gain for name, gain in {"0": 0.05, "1": 0.02, "2": 0.05}.items()}
    settings = {name: {"loss.sdm": int(name)} for name in values}
    seeds = {"0": {0: hard, 1: hard + 0.1}, "1": {0: hard + 0.02}, "2": {0: hard, 1: hard + 0.1}}
    made = make_comparison(values, settings=settings, seeds=seeds)
    test = paired_t_test((hard + 0.02 + draw.normal(0, 0.002, 12)).tolist(), hard.tolist(), "different")
    first = made.pairs[0]
    shared = replace(
        first.difference,
        variant=tuple((hard + 0.02 + np.linspace(-0.001, 0.001, 12)).tolist()),
        reference=tuple(hard.tolist()),
        test=test,
    )
    made = replace(made, pairs=(replace(first, difference=shared), *made.pairs[1:]))
    (data,) = sensitivities(made)
    assert data.level is not None
    point = next(point for point in data.curves[0].points if point.variant == "1")
    low, high = ends(point.interval)
    assert point.interval.estimate == pytest.approx(values["1"].mean())
    assert point.interval.estimate < data.level < low
    assert (low + high) / 2 == pytest.approx(data.level + 0.02)
    assert data.remarks[-1].startswith("1: other seeds than 0, so what lies around the level of the reference")
    assert not any(remark.startswith(("0:", "2:")) and "other" in remark for remark in data.remarks)


def test_with_fewer_cases_than_the_reference_the_caption_says_so(make_comparison: Make) -> None:
    hard = np.linspace(0.6, 0.9, 8)
    values = {"0": hard, "1": hard + np.linspace(0.01, 0.02, 8), "2": hard - 0.01 + np.linspace(0, 0.001, 8)}
    values["1"] = np.where(np.arange(8) < 2, np.nan, values["1"])
    (data,) = sensitivities(make_comparison(values, settings={name: {"loss.sdm": int(name)} for name in values}))
    assert next(remark for remark in data.remarks if "other cases than 0" in remark).startswith("1: ")

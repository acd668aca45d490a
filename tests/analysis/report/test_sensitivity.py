import random
from pathlib import Path
from typing import Any

import pytest

from analysis.comparison.scored_sweep import score_sweep
from analysis.figures.comparison import comparison_of
from analysis.figures.curves import sensitivities
from analysis.figures.interval import ends
from analysis.report.content import read_report
from analysis.report.sensitivity import sensitivity_data
from analysis.runs.records import write_trial

RATES = (0.0, 0.01, 0.1, 0.5)


@pytest.fixture(params=["p=0.1", None])
def runs(request: pytest.FixtureRequest, write_sweep: Any) -> Path:
    def rows(rate: float, seed: int) -> list[dict[str, Any]]:
        draw = random.Random(f"{rate} {seed}")
        return [{"case_id": f"c{n}", "dice": 0.5 + 0.04 * n - 0.1 * rate + draw.gauss(0, 0.01)} for n in range(8)]

    runs: Path = write_sweep(
        {f"p={rate}": {seed: rows(rate, seed) for seed in (0, 1)} for rate in RATES}, reference=request.param
    )
    for rate in RATES:
        for seed in (0, 1):
            row = {"trial_id": f"p={rate}-s{seed}", "config_hash": "0", "method": "m", "seed": seed}
            write_trial(runs, row | {"status": "finished", "setting.projection.dropout": rate, "setting.seed": seed})
    return runs


def test_the_page_draws_the_bands_and_the_axis_of_the_figure(runs: Path) -> None:
    data = sensitivity_data(read_report(runs, "toy", cases=False))
    assert data is not None
    (figure,) = sensitivities(comparison_of(score_sweep(runs, "toy", settings=True)))
    (curve,) = figure.curves
    (limits,), (level,) = data["bands"][0], data["levels"][0]
    assert level == (None if figure.level is None else pytest.approx(100 * figure.level, rel=1e-4))
    for point in curve.points:
        if point.interval.low is None:
            assert point.variant == "p=0.1"
            assert point.variant not in limits
        else:
            assert limits[point.variant] == pytest.approx([100 * end for end in ends(point.interval)], rel=1e-4)
    assert data["aside"][0] == [[]]
    assert data["axis"] == "symlog"
    places = [data["places"][f"p={rate}"] for rate in RATES]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 1)
    assert places[2] - places[1] == pytest.approx((places[3] - places[2]) / 0.69897, rel=1e-4)  # a decade, log10(5)


def test_the_page_names_those_whose_band_is_not_around_their_mean(write_sweep: Any) -> None:
    """p=0.5 lacks the seed that was lucky for all, so it is worse than the reference and yet better on the other."""

    def rows(rate: float, seed: int) -> list[dict[str, Any]]:
        return [
            {"case_id": f"c{n}", "dice": 0.4 + 0.04 * n + 0.1 * seed + 0.02 * rate + 0.001 * rate * (n % 3)}
            for n in range(8)
        ]

    seeds = {rate: (0,) if rate == 0.5 else (0, 1) for rate in RATES}
    runs = write_sweep(
        {f"p={rate}": {seed: rows(rate, seed) for seed in seeds[rate]} for rate in RATES}, reference="p=0.0"
    )
    for rate in RATES:
        for seed in seeds[rate]:
            row = {"trial_id": f"p={rate}-s{seed}", "config_hash": "0", "method": "m", "seed": seed}
            write_trial(runs, row | {"status": "finished", "setting.projection.dropout": rate, "setting.seed": seed})
    data = sensitivity_data(read_report(runs, "toy", cases=False))
    assert data is not None
    assert data["aside"][0] == [["p=0.5"]]
    assert data["bands"][0][0]["p=0.5"][0] > data["levels"][0][0]

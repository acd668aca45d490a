"""Whether anything was learned, by average masks, empty predictions and, where no mask was measured, a bound."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel

from analysis.comparison.learned import Learned, learned
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.runs.average_mask import AverageMask, write_average_mask
from analysis.tables import render_csv, render_html, render_latex, render_markdown
from analysis.tables.table import make_sheet
from tests.analysis.made_sweeps import printed

WriteSweep = Callable[..., Path]


@pytest.mark.parametrize(
    ("found", "anything"),
    [
        (Learned(0.8, 0.5, 30, 0.001), True),
        (Learned(0.52, 0.5, 30, 0.2), False),
        (Learned(0.4, 0.5, 30, 0.9), False),
        (Learned(0.52, 0.5, 3, None), True),
        (Learned(0.5, 0.5, 3, None), False),
    ],
)
def test_something_was_learned_where_the_average_mask_is_beaten(found: Learned, anything: bool) -> None:
    assert found.anything == anything


def test_networks_are_compared_with_the_average_mask_by_a_paired_test() -> None:
    average = {f"c{number}": 0.5 + 0.01 * number for number in range(6)}
    network = {f"c{number}": 0.52 + 0.012 * number - 0.03 * (number % 2) for number in range(6)} | {"other": 0.9}
    found = learned(network, average)
    assert found is not None
    own = [network[case] for case in average]
    told = ttest_rel(own, list(average.values()), alternative="greater")
    assert (found.cases, found.p) == (6, pytest.approx(told.pvalue))
    assert found.network == pytest.approx(math.fsum(own) / 6)
    assert learned({}, average) is None


def rows(mean: float, empty: int = 0) -> list[dict[str, Any]]:
    """Ten cases around a mean, the first ones with an empty prediction."""
    values = [mean + 0.002 * (place - 4.5) + 0.004 * (-1) ** (place // (1 + (mean > 0.85))) for place in range(10)]
    return [
        {"case_id": f"c{case}", "dice": 0.0 if case < empty else value, "empty_prediction": case < empty}
        for case, value in enumerate(values)
    ]


def scored(write_sweep: WriteSweep, average: float | None, **variants: list[dict[str, Any]]) -> ScoredSweep:
    runs = write_sweep({name: {0: own, 1: own} for name, own in variants.items()})
    if average is not None:
        write_average_mask(runs, "toy", AverageMask("d", ("l",), {f"c{case}": average for case in range(10)}))
    return score_sweep(runs, "toy")


@pytest.mark.parametrize(
    ("average", "ref", "other", "why"),
    [
        (0.5, rows(0.45), rows(0.9), "ref, the reference, reaches Dice 45.0 % on 10 cases; one mask for all of them"),
        (0.5, rows(0.501), rows(0.4), "ref, the reference, reaches Dice 50.1 %"),
        (0.5, rows(0.3), rows(0.4), "ref, the reference, reaches Dice 30.0 %"),
        (None, rows(0.04), rows(0.3), "which a mask anywhere can reach"),
        (0.01, rows(0.8, empty=6), rows(0.8), "ref, the reference, has 12 of 20 predictions empty"),
    ],
)
def test_where_nothing_was_learned_that_comes_first_and_there_is_no_p(
    write_sweep: WriteSweep, average: float | None, ref: list[dict[str, Any]], other: list[dict[str, Any]], why: str
) -> None:
    found = scored(write_sweep, average, other=other, ref=ref)
    assert found.stop is not None
    by = " by the reference" if sum(row["dice"] for row in other) / 10 > (average or 0.05) else ""
    assert found.stop.startswith(f"STOP: nothing was learned{by}. ref, the reference, ")
    assert why in found.stop
    (difference,) = [row.difference for row in found.main.means if row.difference is not None]
    assert difference.test.difference == pytest.approx(
        math.fsum(row["dice"] for row in other) / 10 - math.fsum(row["dice"] for row in ref) / 10
    )
    assert (difference.test.p, difference.p_holm, difference.over_seeds, difference.signed_rank.p) == (None,) * 4
    sheet = make_sheet([found])
    for text in (printed(sheet, 100), render_markdown(sheet), render_html(sheet), render_latex(sheet)):
        assert f"STOP: nothing was learned{by}." in text
    assert printed(sheet, 100).startswith("STOP")
    head, *lines = render_csv(sheet).splitlines()
    of_p = [place for place, name in enumerate(head.split(",")) if name.startswith("p_") or name == "p"]
    assert len(of_p) == 8
    assert not any(line.split(",")[place] for line in lines for place in of_p)


@pytest.mark.parametrize(("average", "ref"), [(0.5, rows(0.55)), (None, rows(0.06)), (0.01, rows(0.8, empty=4))])
def test_what_has_learned_something_is_compared(
    write_sweep: WriteSweep, average: float | None, ref: list[dict[str, Any]]
) -> None:
    found = scored(write_sweep, average, other=rows(0.9), ref=ref)
    assert found.stop is None
    assert [row.difference.p_holm is None for row in found.main.means if row.difference is not None] == [False]


def test_a_best_variant_that_learned_nothing_stops_a_sweep_without_reference(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"a": {0: rows(0.02)}, "b": {0: rows(0.03)}}, reference=None)
    assert (score_sweep(runs, "toy").stop or "").startswith("STOP: nothing was learned. b, the best, reaches Dice 3.")


def test_it_is_asked_of_dice_whatever_the_metric(write_sweep: WriteSweep) -> None:
    own = [row | {"hd95_mm": 3.0 + place} for place, row in enumerate(rows(0.02))]
    runs = write_sweep({"a": {0: own}, "ref": {0: own}}, metric="hd95_mm")
    assert score_sweep(runs, "toy").stop is not None

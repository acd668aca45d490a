from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.runs.sweep import Sides
from tests.analysis.made_sweeps import ALSO, REFERENCE, below, method_variants

WriteSweep = Callable[..., Path]


def scored(write_sweep: WriteSweep, given: dict[str, dict[int, Any]]) -> ScoredSweep:
    return score_sweep(write_sweep(given, REFERENCE, also=ALSO), "toy")


def test_direction_and_cases_behind_each_p_are_said(write_sweep: WriteSweep) -> None:
    """The reference lacks case 2; of cases 1 (DAN) and 3 (reference) the other seed remains."""
    sweep = scored(write_sweep, method_variants())
    told = [
        "p: paired two-sided t-test over cases, alternative: Dice, Jaccard, HD95 and ASD differ from the reference's "
        "(SimCVD); adjusted by Holm's method for the 2 comparisons of each metric.",
        "Each p rests on 12 cases that both sides have; on 11: HD95 and ASD of Supervised (upper bound), DAN.",
        "DAN, SimCVD: 3 of 24 predictions empty, in 2 of 12 cases (Dice and Jaccard 0; HD95 and ASD missing, not 0).",
        "DAN, SimCVD: 1 of 12 cases without a value for HD95 and ASD and left out of the mean.",
        "DAN: 2 values left out of the comparison for HD95 and ASD, the other side has none at that seed, case and "
        "class.",
        "The means rest on different numbers of cases; each p compares the same cases and seeds.",
    ]
    assert [note for note in told if note not in sweep.notes] == []


@pytest.mark.parametrize(
    ("sides", "alternative"),
    [
        ("one-sided", "one-sided t-test over cases, alternative: the Dice of the reference (ref) is higher"),
        ("two-sided", "two-sided t-test over cases, alternative: Dice differs from the reference's (ref)"),
    ],
)
def test_the_alternative_and_the_family_are_said(write_sweep: WriteSweep, sides: Sides, alternative: str) -> None:
    given = {name: {0: below(shift, 0)} for name, shift in (("a", 0.02), ("b", 0.01), ("ref", 0.0))}
    notes = score_sweep(write_sweep(given), "toy", sides=sides).notes
    assert f"p: paired {alternative}; adjusted by Holm's method for the 2 comparisons." in notes


def test_where_no_pair_differs_there_is_nothing_to_test(write_sweep: WriteSweep) -> None:
    sweep = score_sweep(write_sweep({"a": {0: below(0, 0)}, "ref": {0: below(0, 0)}}), "toy")
    assert any(note.endswith("; there is nothing to test.") for note in sweep.notes)
    assert not any("true difference" in note for note in sweep.notes)


def test_the_difference_that_can_be_found_is_that_of_the_power_of_the_t_test(write_sweep: WriteSweep) -> None:
    """Differences 0.02 to 0.038 in steps of 0.002: SD 0.006055, of which n = 10 finds 0.996 two-sided: 0.60 points."""
    sweep = score_sweep(write_sweep({"a": {0: below(0.02, 0)}, "ref": {0: below(0, 0)}}), "toy")
    least = 100 * 0.002 * np.std(np.arange(10), ddof=1) * TTestPower().solve_power(None, 10, 0.05, 0.8, "two-sided")
    (note,) = (note for note in sweep.notes if "true difference" in note)
    assert note == (
        f"With 10 cases these t-tests find a true difference of Dice {least:.2f} points with 80 % chance; smaller ones "
        "are missed more often."
    )

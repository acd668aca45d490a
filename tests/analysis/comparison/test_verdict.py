from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.comparison.difference import Difference
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.comparison.verdict import (
    ENOUGH_CASES,
    ENOUGH_SEEDS,
    FEW_CASES,
    NOT_NORMAL,
    POWER,
    SIGNIFICANT,
    Finding,
    detectable,
    few_cases,
    few_trainings,
    finding,
    findings,
    one_training,
    practical,
    wide_intervals,
)
from analysis.ending.words import count
from analysis.report.summary import summarise
from analysis.runs.replicate import Replicate
from analysis.statistics import Alternative, CrossedTest, Interval, PairedTest

WriteSweep = Callable[..., Path]
NONE = Interval(20, 0.95, None, None, None)


def compared(
    p: float | None = 0.01,
    over_seeds: float | None = None,
    alternative: Alternative = "different",
    values: Sequence[float] = (0.0,),
    crossed: bool = True,
) -> Difference:
    """A comparison with these p-values, adjusted for no other."""
    return Difference(
        variant=tuple(values),
        reference=(0.0,) * len(values),
        replicates=(Replicate(0), Replicate(1)),
        alternative=alternative,
        test=PairedTest(20, -0.02, p),
        over_seeds=CrossedTest(2, 20, 0, -0.02, None, None, over_seeds, NONE) if crossed else None,
        p_holm=p,
        over_seeds_holm=over_seeds,
    )


def of(mean: float = -0.02, **given: Any) -> Finding:
    return Finding("a", compared(**given), mean)


@pytest.mark.parametrize(
    ("p", "mean", "verdict"),
    [(0.0499, -0.02, "lower"), (0.0499, 0.02, "higher"), (SIGNIFICANT, 0.02, "open"), (None, 0.02, "open")],
)
def test_a_difference_is_shown_by_an_adjusted_p_below_5_percent(p: float | None, mean: float, verdict: str) -> None:
    assert of(mean, p=p).verdict == verdict


@pytest.mark.parametrize(
    ("p", "over_seeds", "crossed", "remains", "undone", "holds"),
    [
        (0.01, 0.04, True, True, False, True),
        (0.01, SIGNIFICANT, True, False, True, False),
        (0.01, None, True, False, False, False),  # two seeds or more, but the test over them does not exist
        (0.01, None, False, False, False, True),  # one seed: the test over cases is all there is
        (0.20, 0.60, True, False, False, False),
        (0.20, 0.04, True, True, False, False),
    ],
)
def test_seeds_bear_a_difference_out_or_undo_it(
    p: float, over_seeds: float | None, crossed: bool, remains: bool, undone: bool, holds: bool
) -> None:
    found = of(p=p, over_seeds=over_seeds, crossed=crossed)
    assert (found.holds_over_seeds, found.undone_by_seeds, found.holds) == (remains, undone, holds)


@pytest.mark.parametrize(
    ("alternative", "p", "said"),
    [("reference higher", 0.96, True), ("reference lower", 0.95, False), ("different", 0.99, False)],
)
def test_a_one_sided_test_may_look_away_from_a_difference(alternative: Alternative, p: float, said: bool) -> None:
    assert of(alternative=alternative, p=p).on_the_other_side == said


def test_differences_with_one_far_case_do_not_look_normal() -> None:
    normal = np.random.default_rng(0).normal(0, 1, 20).tolist()
    assert stats.shapiro(normal).pvalue > NOT_NORMAL > stats.shapiro([*normal[:-1], 9.0]).pvalue
    assert [of(values=each).looks_skewed for each in (normal, [*normal[:-1], 9.0], [0.5, 0.6])] == [False, True, False]


def test_without_a_shared_case_there_is_no_finding() -> None:
    assert finding("ref", None) is None
    assert finding("a", Difference((), (), (), "different", PairedTest(0, None, None), None)) is None
    assert finding("a", compared()) == of()


@pytest.mark.parametrize(("limit", "asked"), [(FEW_CASES, few_cases), (ENOUGH_CASES, wide_intervals)])
def test_too_few_cases_are_fewer_than_a_limit_and_not_none(limit: int, asked: Callable[[int], bool]) -> None:
    assert [asked(n) for n in (0, 1, limit - 1, limit)] == [False, True, True, False]


def test_the_sd_of_few_cases_is_off_by_a_quarter() -> None:
    draws = np.random.default_rng(0).normal(size=(20_000, FEW_CASES)).std(axis=1, ddof=1)
    assert draws.std() == pytest.approx((2 * (FEW_CASES - 1)) ** -0.5, rel=0.05)


@pytest.mark.parametrize(
    ("replicates", "one", "few"),
    [
        ([], False, True),
        ([Replicate(0)], True, True),
        ([Replicate(0), Replicate(1)], False, True),
        ([Replicate(0), Replicate(1), Replicate(2)], False, False),
        # Two label splits with three seeds each are two, not six.
        ([Replicate(seed, split) for seed in range(3) for split in (7, 8)], False, True),
        ([Replicate(0, split) for split in (7, 8, 9)], False, False),
    ],
)
def test_trainings_are_counted_by_seed_or_by_label_split(replicates: list[Replicate], one: bool, few: bool) -> None:
    assert (one_training(replicates), few_trainings(replicates)) == (one, few)


def test_what_a_family_can_find_is_at_the_level_of_the_smallest_p() -> None:
    # Three comparisons: at SIGNIFICANT / 3 the noncentral t of the answer lies beyond its limit with the chance POWER.
    draw = np.random.default_rng(1)
    family = [compared(alternative="reference higher", values=draw.normal(0, 0.02, 20).tolist()) for _ in range(3)]
    found = detectable(family)
    assert found is not None
    spread = np.median([np.std(own.values, ddof=1) for own in family])
    limit = stats.t.isf(SIGNIFICANT / 3, 19)
    assert stats.nct.sf(limit, 19, found / spread * 20**0.5) == pytest.approx(POWER, abs=1e-6)
    assert detectable([]) is None


def scored(write_sweep: WriteSweep, cases: int, seeds: int, skewed: bool = False) -> ScoredSweep:
    """A sweep whose variant is 5 points below the reference, its trainings' luck much larger than the cases'."""
    draw = np.random.default_rng(2)
    base = draw.normal(0.8, 0.05, cases)

    def rows(shift: float) -> list[dict[str, Any]]:
        noise = draw.exponential(0.02, cases) ** 2 * 40 if skewed else draw.normal(0, 0.005, cases)
        values = base + shift + noise
        return [{"case_id": f"c{n:02d}", "dice": float(value)} for n, value in enumerate(values)]

    luck = (0.03, -0.03, 0.0)
    return score_sweep(
        write_sweep({"ref": {s: rows(0) for s in range(seeds)}, "a": {s: rows(luck[s] - 0.05) for s in range(seeds)}}),
        "toy",
        sides="two-sided",
    )


def said(sweep: ScoredSweep) -> tuple[str, str]:
    """What the table's notes say and what the report's summary says."""
    return " ".join(sweep.notes), " ".join(part.text for part in summarise(sweep))


@pytest.mark.parametrize(
    ("cases", "rough", "wide"),
    [
        (FEW_CASES - 1, True, True),
        (FEW_CASES, False, True),
        (ENOUGH_CASES - 1, False, True),
        (ENOUGH_CASES, False, False),
    ],
)
def test_notes_and_summary_tell_how_few_cases_there_are(
    write_sweep: WriteSweep, cases: int, rough: bool, wide: bool
) -> None:
    notes, summary = said(scored(write_sweep, cases, 3))
    assert (f"few cases (n = {cases})" in notes) == rough
    assert ("cases the intervals are wide" in summary) == wide


@pytest.mark.parametrize("skewed", [False, True])
def test_notes_and_summary_agree_on_what_looks_normal(write_sweep: WriteSweep, skewed: bool) -> None:
    sweep = scored(write_sweep, 25, 1, skewed)
    notes, summary = said(sweep)
    assert [one.looks_skewed for one in findings(sweep.main.means)] == [skewed]
    assert (f"a: differences do not look normal (Shapiro-Wilk p < {NOT_NORMAL})" in notes) == skewed
    assert ("The differences of a do not look normally distributed" in summary) == skewed


def test_notes_and_summary_agree_on_what_other_seeds_could_undo(write_sweep: WriteSweep) -> None:
    sweep = scored(write_sweep, 20, 2)
    notes, summary = said(sweep)
    (found,) = findings(sweep.main.means)
    assert found.undone_by_seeds
    assert f"a: p over cases below {SIGNIFICANT} but p over seeds is not: other seeds could undo" in notes
    assert "What other seeds could undo: a." in summary
    assert "With fewer than three seeds that test is weak (a)" in summary


def test_notes_and_summary_agree_on_one_seed_and_on_how_many_would_tell(write_sweep: WriteSweep) -> None:
    notes, summary = said(scored(write_sweep, 20, 1))
    assert "one seed only, so a difference can't be told from the luck of one training; three or more" in notes
    assert "the luck of one training" in summary
    assert f"{count(ENOUGH_SEEDS, 'seed').capitalize()} or more would tell." in summary


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.006, 0.02, "better"),
        (-0.004, 0.004, "equivalent"),
        (-0.005, 0.005, "equivalent"),
        (-0.02, -0.0051, "worse"),
        (0.004, 0.02, "unknown"),
        (-0.02, 0.02, "unknown"),
        (None, None, None),
    ],
)
def test_a_margin_judges_the_interval_that_is_shown(low: float | None, high: float | None, verdict: str | None) -> None:
    interval = Interval(20, 0.95, 0.0, low, high)
    wide = Interval(20, 0.95, 0.0, -1.0, 1.0)
    with_seeds = compared(over_seeds=0.01)
    assert with_seeds.over_seeds is not None
    # Over seeds and cases where there is such an interval; the one over cases would say unknown.
    found = replace(with_seeds, over_seeds=replace(with_seeds.over_seeds, interval=interval))
    found.__dict__["interval"] = wide if low is not None else interval
    assert practical(found, 0.005, True) == verdict
    mirrored = {"better": "worse", "worse": "better"}
    assert practical(found, 0.005, False) == mirrored.get(str(verdict), verdict)
    alone = compared(crossed=False)
    alone.__dict__["interval"] = interval
    assert practical(alone, 0.005, True) == verdict
    assert practical(replace(alone, test=PairedTest(20, -0.02, None, "nothing was learned")), 0.005, True) is None

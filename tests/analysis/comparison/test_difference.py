import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.comparison.difference import Difference, pooled_seed_variance
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.runs.replicate import Replicate
from analysis.statistics import bca_interval, crossed_test, seed_variance
from tests.analysis.made_runs import write_toy_sweep

WriteSweep = Callable[..., Path]
Given = dict[str, dict[int, list[dict[str, Any]]]]
Scored = tuple[Given, ScoredSweep]

CASES = 12
SHIFTS = {"a": -0.03, "b": -0.012, "c": 0.004, "ref": 0.0}


def scores(seeds: int, classes: int = 1, luck: float = 0.01) -> Given:
    """Scores of four variants whose trainings differ by luck, rows in random order."""
    draw = random.Random(5)
    made: Given = {}
    for name, shift in SHIFTS.items():
        made[name] = {}
        for seed in range(seeds):
            training = draw.gauss(0, luck)
            rows = [
                {"case_id": f"c{n}", "class_id": k, "dice": 0.7 + 0.02 * n - 0.1 * k + shift + training + noise}
                for n in range(CASES)
                for k in range(1, classes + 1)
                for noise in [draw.gauss(0, 0.01)]
            ]
            draw.shuffle(rows)
            made[name][seed] = rows
    return made


def difference(table: ScoredSweep, variant: str, class_id: int | None = None) -> Difference:
    found = next(row.difference for row in table.rows if row.variant == variant and row.class_id == class_id)
    assert found is not None
    return found


def by_seed(given: dict[int, list[dict[str, Any]]], class_id: int | None = None) -> Any:
    """Return `[S, N]`, classes averaged."""
    return [
        [
            np.mean([r["dice"] for r in rows if r["case_id"] == f"c{n}" and class_id in (None, r["class_id"])])
            for n in range(CASES)
        ]
        for rows in given.values()
    ]


@pytest.fixture(scope="module")
def of_two_classes(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Three seeds, two classes: what was given and what was scored."""
    given = scores(3, classes=2)
    return given, score_sweep(write_toy_sweep(tmp_path_factory.mktemp("two"), given), "toy")


@pytest.mark.parametrize("class_id", [None, 1, 2])
def test_every_statistic_is_of_the_matched_values(of_two_classes: Scored, class_id: int | None) -> None:
    given, table = of_two_classes
    theirs = np.mean(by_seed(given["ref"], class_id), axis=0)
    for name in "abc":
        ours = np.mean(by_seed(given[name], class_id), axis=0)
        found = difference(table, name, class_id)
        assert found.test.p == pytest.approx(stats.ttest_rel(ours, theirs).pvalue, rel=1e-9)
        low, high = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
        assert (found.interval.low, found.interval.high) == pytest.approx((low, high), rel=1e-9)
        assert found.signed_rank.p == pytest.approx(stats.wilcoxon(ours, theirs).pvalue)
        assert found.normality == pytest.approx(stats.shapiro(ours - theirs).pvalue)
        d = ours - theirs
        assert found.effect.g == pytest.approx(d.mean() / d.std(ddof=1) * (1 - 3 / (4 * CASES - 5)), rel=1e-3)
        assert found.bootstrap == bca_interval(found.values)
        assert found.bootstrap is found.bootstrap


@pytest.mark.parametrize(("shift", "why"), [(-0.02, "all differences are equal"), (0.0, "all pairs are identical")])
def test_where_there_is_no_p_nothing_else_is_said(write_sweep: WriteSweep, shift: float, why: str) -> None:
    """Differences of -0.02 but for rounding, which has a spread and no normal shape of its own."""
    reference = {f"c{n}": round(0.7 + 0.013 * n, 3) for n in range(CASES)}
    given = {
        name: {0: [{"case_id": case, "class_id": 1, "dice": round(dice + by, 3)} for case, dice in reference.items()]}
        for name, by in (("ref", 0.0), ("a", shift))
    }
    table = score_sweep(write_sweep(given), "toy")
    found = difference(table, "a")
    assert (found.test.p, found.test.why_no_p) == (None, why)
    assert found.test.difference == pytest.approx(shift)
    assert (found.interval.low, found.interval.high, found.bootstrap.low) == (None, None, None)
    assert (found.g, found.effect.g, found.normality, found.signed_rank.p) == (None, None, None, None)
    told = "\n".join(table.notes)
    assert f"a: no p-value: {why}." in told
    assert "normal" not in told.split("no p-value")[1]
    assert "do not look normal" not in told


def test_over_seeds_the_seeds_variance_is_pooled_over_all_variants(write_sweep: WriteSweep) -> None:
    given = scores(3)
    table = score_sweep(write_sweep(given), "toy")
    pooled = seed_variance([by_seed(each) for each in given.values()])
    assert pooled.degrees_of_freedom == 6
    for name in "abc":
        expected = crossed_test(by_seed(given[name]), by_seed(given["ref"]), "different", pooled=pooled)
        found = difference(table, name).over_seeds
        assert found is not None
        assert found.p == pytest.approx(expected.p, rel=1e-9)
        assert expected.p is not None
        assert difference(table, name).test.p < expected.p  # type: ignore[operator]


@pytest.mark.parametrize("class_id", [None, 1, 2])
def test_the_family_is_the_comparisons_of_one_class_and_metric(of_two_classes: Scored, class_id: int | None) -> None:
    _, table = of_two_classes
    found = [difference(table, name, class_id) for name in "abc"]
    for raw, corrected in (
        ([f.test.p for f in found], [f.p_holm for f in found]),
        ([f.over_seeds.p for f in found if f.over_seeds], [f.over_seeds_holm for f in found]),
    ):
        rising = sorted(p for p in raw if p is not None)
        # Holm by its own words: the smallest times 3, the next times 2, the last times 1, never falling.
        steps = np.maximum.accumulate([min(1.0, (3 - i) * p) for i, p in enumerate(rising)])
        assert [dict(zip(rising, steps, strict=True))[p] for p in raw if p is not None] == pytest.approx(corrected)


def test_one_seed_has_no_test_over_seeds(write_sweep: WriteSweep) -> None:
    table = score_sweep(write_sweep(scores(1)), "toy")
    assert difference(table, "a").over_seeds is None
    assert difference(table, "a").over_seeds_holm is None
    assert any("can't be told from the luck of one training" in note for note in table.notes)
    assert not any("p over seeds" in note for note in table.notes)


def test_a_variant_that_lost_a_seed_does_not_take_it_from_the_pooled_variance(write_sweep: WriteSweep) -> None:
    given: dict[str, dict[int, Any]] = dict(scores(3))
    given["a"][2] = "nan"
    table = score_sweep(write_sweep(given), "toy")
    # Three variants with three seeds (4 degrees of freedom) or four with two (3).
    pooled = seed_variance([by_seed(given[name]) for name in ("b", "c", "ref")])
    two = [by_seed({seed: given[name][seed] for seed in (0, 1)}) for name in ("a", "ref")]
    found = difference(table, "a")
    assert found.replicates == (Replicate(0), Replicate(1))
    assert found.over_seeds is not None
    assert found.over_seeds.p == pytest.approx(crossed_test(*two, "different", pooled=pooled).p, rel=1e-9)


def test_a_case_without_a_value_leaves_the_test_over_seeds(write_sweep: WriteSweep) -> None:
    given = scores(2)
    next(row for row in given["a"][1] if row["case_id"] == "c4")["dice"] = math.nan
    found = difference(score_sweep(write_sweep(given), "toy"), "a")
    assert found.test.n == CASES
    assert found.over_seeds is not None
    assert (found.over_seeds.cases, found.over_seeds.left_out) == (CASES - 1, 1)


def test_a_difference_that_other_seeds_could_undo_is_named(write_sweep: WriteSweep) -> None:
    table = score_sweep(write_sweep(scores(2, luck=0.03)), "toy")
    undone = [
        name
        for name in "abc"
        if (difference(table, name).p_holm or 1) < 0.05 <= (difference(table, name).over_seeds_holm or 0)
    ]
    assert undone
    note = next(note for note in table.notes if "other seeds could undo" in note)
    assert note.startswith(f"{', '.join(undone)}: ")


def test_without_scores_there_is_no_pooled_variance() -> None:
    assert pooled_seed_variance([]) == []


@pytest.mark.parametrize("unsteady", ["b", "ref"])
def test_one_that_seeds_move_more_is_tested_with_its_own_seeds_and_hides_nothing(
    write_sweep: WriteSweep, unsteady: str
) -> None:
    given = {**scores(3), "d": scores(3)["a"]}
    for seed, shift in enumerate((-0.5, -0.1, 0.0)):
        given[unsteady][seed] = [{**row, "dice": max(0.0, row["dice"] + shift)} for row in given[unsteady][seed]]
    table = score_sweep(write_sweep(given), "toy")
    pooled = seed_variance([by_seed(own) for name, own in given.items() if name != unsteady])
    for name in "abcd":
        of_two = by_seed(given[name]), by_seed(given["ref"])
        expected = crossed_test(*of_two, "different", pooled=None if unsteady in (name, "ref") else pooled)
        found = difference(table, name).over_seeds
        assert found is not None
        assert found.p == pytest.approx(expected.p, rel=1e-9)
        assert (found.interval.low, found.interval.high) == pytest.approx(
            (expected.interval.low, expected.interval.high), rel=1e-9
        )
    assert table.main.apart == (unsteady,)
    assert (
        f"Seeds move {unsteady} more than the other variants in Dice (F test, p < 0.05). A comparison with it "
        "takes the seeds of its two variants alone, which is weak."
    ) in table.notes

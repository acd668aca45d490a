"""A sweep over seeds and label splits: each training is a replicate, paired across variants and never counted in n."""

import io
import math
import statistics
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from analysis.comparison.aggregate import Scores, pair
from analysis.comparison.difference import SplitVariance, compare, pooled_seed_variance
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.comparison.settings import settings_of
from analysis.errors import AnalysisError
from analysis.figures.comparison import comparison_of
from analysis.figures.forest import forest_caption
from analysis.report.commands import commands
from analysis.report.summary import summarise
from analysis.runs.records import read_trials, write_trial
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import read_sweep
from analysis.statistics import crossed_test, seed_variance
from analysis.tables import render_csv, render_latex, render_markdown, render_terminal

WriteSweep = Callable[..., Path]
Given = dict[str, dict[tuple[int, int], list[dict[str, Any]]]]

CASES = 12
GRID = [(seed, split) for seed in range(3) for split in (4, 7)]


@pytest.fixture
def given() -> Given:
    """Rows of two variants and the reference at three seeds and two label splits."""
    draw = np.random.default_rng(2)
    hard, found = draw.normal(0, 0.03, CASES), {}
    labels = {split: draw.normal(0, 0.02) for split in (4, 7)}
    for name, offset in (("a", -0.03), ("b", 0.0), ("ref", 0.0)):
        found[name] = {
            (seed, split): [
                {"case_id": f"c{n:02d}", "dice": 0.8 + offset + hard[n] + labels[split] + float(draw.normal(0, 0.01))}
                for n in range(CASES)
            ]
            for seed, split in GRID
        }
    return found


def row_of(table: ScoredSweep, variant: str) -> Row:
    return next(row for row in table.rows if row.variant == variant and row.class_id is None)


def dice(given: Given, name: str) -> list[list[float]]:
    return [[row["dice"] for row in given[name][replicate]] for replicate in GRID]


def test_replicates_are_averaged_per_case_so_n_is_the_number_of_cases(write_sweep: WriteSweep, given: Given) -> None:
    row = row_of(score_sweep(write_sweep(given), "toy"), "a")
    assert row.difference is not None
    assert (row.n, row.difference.test.n, row.trials.planned) == (CASES, CASES, 6)
    assert row.mean == pytest.approx(statistics.fmean(map(statistics.fmean, dice(given, "a"))))
    differences = np.mean(dice(given, "a"), axis=0) - np.mean(dice(given, "ref"), axis=0)
    assert row.difference.test.difference == pytest.approx(float(differences.mean()))
    assert row.difference.values == pytest.approx(differences.tolist())


def split_means(given: Given, name: str, lacking: Collection[tuple[int, int]] = ()) -> list[list[float]]:
    """Each label split's values of the cases, its seeds averaged by hand."""
    return [
        [
            statistics.fmean(given[name][seed, split][n]["dice"] for seed in range(3) if (seed, split) not in lacking)
            for n in range(CASES)
        ]
        for split in (4, 7)
    ]


def test_label_splits_are_the_replicates_of_the_test_over_seeds(write_sweep: WriteSweep, given: Given) -> None:
    found = row_of(score_sweep(write_sweep(given), "toy"), "a").difference
    assert found is not None
    assert found.over_seeds is not None
    pooled = seed_variance([split_means(given, name) for name in given])
    expected = crossed_test(split_means(given, "a"), split_means(given, "ref"), "different", pooled=pooled)
    assert (found.over_seeds.seeds, found.chance, pooled.degrees_of_freedom) == (2, "label splits", 2)
    assert found.over_seeds.p == pytest.approx(expected.p)
    assert found.over_seeds.difference == pytest.approx(found.test.difference)


def test_a_single_label_split_leaves_the_seeds_as_replicates(write_sweep: WriteSweep, given: Given) -> None:
    of_one = {name: {each: rows for each, rows in own.items() if each[1] == 4} for name, own in given.items()}
    table = score_sweep(write_sweep(of_one), "toy")
    found = row_of(table, "a").difference
    values = {name: [[row["dice"] for row in rows] for rows in own.values()] for name, own in of_one.items()}
    pooled = seed_variance(list(values.values()))
    expected = crossed_test(values["a"], values["ref"], "different", pooled=pooled)
    assert found is not None
    assert found.over_seeds == expected
    assert (expected.seeds, found.chance) == (3, "seeds")
    assert any(note.startswith("p over seeds: ") for note in table.notes)
    assert not any("p over label splits" in note for note in table.notes)


def test_a_split_that_lacks_a_seed_is_the_mean_over_those_that_both_sides_have(
    write_sweep: WriteSweep, given: Given
) -> None:
    whole = {name: dict(own) for name, own in given.items()}
    given["a"][1, 7] = "nan"  # type: ignore[assignment]
    found = row_of(score_sweep(write_sweep(given), "toy"), "a").difference
    ours, theirs = (split_means(whole, name, lacking=[(1, 7)]) for name in ("a", "ref"))
    pooled = seed_variance([split_means(whole, name, lacking=[(1, 7)]) for name in given])
    assert found is not None
    assert found.over_seeds is not None
    assert found.over_seeds.seeds == 2
    assert found.over_seeds.p == pytest.approx(crossed_test(ours, theirs, "different", pooled=pooled).p)


def test_a_value_that_one_training_lacks_leaves_that_training_alone_out(write_sweep: WriteSweep, given: Given) -> None:
    given["a"][2, 4][3]["dice"] = math.nan
    found = row_of(score_sweep(write_sweep(given), "toy"), "a").difference
    assert found is not None
    assert found.over_seeds is not None
    assert (found.over_seeds.cases, found.over_seeds.left_out) == (CASES, 0)
    differences = np.subtract(split_means(given, "a"), split_means(given, "ref"))
    differences[0, 3] = statistics.fmean(
        given["a"][seed, 4][3]["dice"] - given["ref"][seed, 4][3]["dice"] for seed in (0, 1)
    )
    assert found.over_seeds.difference == pytest.approx(differences.mean())


def test_a_variance_between_label_splits_is_not_taken_for_one_between_seeds(
    write_sweep: WriteSweep, given: Given
) -> None:
    """Variant a has one label split only, so its test is over seeds and takes its two sides alone."""
    given["a"] = {each: rows for each, rows in given["a"].items() if each[1] == 7}
    runs = write_sweep(given)
    table = score_sweep(runs, "toy")
    found = row_of(table, "a").difference
    ours, theirs = ([[row["dice"] for row in given[name][seed, 7]] for seed in range(3)] for name in ("a", "ref"))
    assert found is not None
    assert found.over_seeds == crossed_test(ours, theirs, "different")
    assert {note.split(":")[0] for note in table.notes if note.startswith("p over")} == {
        "p over label splits",
        "p over seeds",
    }
    assert "| p over seeds or label splits |" in render_markdown(table)


def test_a_variance_of_means_over_more_seeds_is_not_taken_for_those_over_fewer() -> None:
    draw = np.random.default_rng(3)
    few, many, ref = (toy_scores(own, draw.normal(0.8, 0.05, (len(own), CASES))) for own in (GRID[:2], GRID, GRID))
    pooled, _ = pooled_seed_variance([many, ref])
    assert isinstance(pooled, SplitVariance)
    assert pooled.seed_share == Fraction(1, 3)
    fewer, whole = pair(few, ref), pair(many, ref)
    assert compare(fewer, 0, "different", pooled).over_seeds == compare(fewer, 0, "different").over_seeds
    known = compare(whole, 0, "different", pooled).over_seeds
    assert known is not None
    assert known.seed_part == pytest.approx(2 * (pooled.variance or 0) / 2)


def toy_scores(replicates: Sequence[tuple[int, int]], values: np.ndarray[Any, Any]) -> Scores[Replicate]:
    shape = (len(replicates), CASES, 1)
    return Scores(
        runs=tuple(Replicate(*each) for each in replicates),
        cases=tuple(f"c{n:02d}" for n in range(CASES)),
        classes={1: "heart"},
        values=values[:, :, None],
        scored=np.ones(shape, dtype=bool),
        empty=np.zeros(shape, dtype=bool),
        present=np.ones(shape[1:], dtype=bool),
    )


def test_a_training_that_one_side_lacks_is_left_out_of_the_other(write_sweep: WriteSweep, given: Given) -> None:
    given["a"][1, 7] = "nan"  # type: ignore[assignment]
    table = score_sweep(write_sweep(given), "toy")
    row = row_of(table, "a")
    assert row.difference is not None
    assert row.difference.replicates == tuple(Replicate(*each) for each in GRID if each != (1, 7))
    kept = [place for place, each in enumerate(GRID) if each != (1, 7)]
    ours = np.mean([[row["dice"] for row in given["a"][GRID[place]]] for place in kept], axis=0)
    theirs = np.mean(np.array(dice(given, "ref"))[kept], axis=0)
    assert row.difference.test.difference == pytest.approx(float((ours - theirs).mean()))
    assert any("the reference's seed 1, label split 7 left out of the comparison" in note for note in table.notes)


def test_one_trial_may_stand_for_several_label_splits(write_sweep: WriteSweep, given: Given) -> None:
    runs = write_sweep(given)
    path = runs / "sweeps" / "toy" / "sweep.yaml"
    path.write_text(path.read_text().replace("a-s0-l7", "a-s0-l4"))
    sweep = read_sweep(runs, "toy")
    assert len(sweep.trial_ids) == 17
    assert [replicate for replicate, _ in sweep.variants[0].each_trial()][:2] == [Replicate(0, 4), Replicate(1, 4)]
    row = row_of(score_sweep(runs, "toy"), "a")
    assert (row.difference is not None and len(row.difference.replicates), row.n) == (6, CASES)


def test_notes_tables_and_report_say_seeds_and_label_splits(write_sweep: WriteSweep, given: Given) -> None:
    runs = write_sweep(given)
    table = score_sweep(runs, "toy", settings=True)
    notes = " ".join(table.notes)
    assert "n test cases; 3 seeds x 2 label splits of each variant are averaged per case first." in notes
    assert "label splits and cases; seeds are averaged within each split" in notes
    assert "p over seeds" not in notes
    markdown = render_markdown(table)
    assert "| trials |" in markdown
    assert "| 6/6 |" in markdown
    assert "| p | p over label splits |" in markdown
    assert "p over label splits" + r"\textsuperscript{b}" in render_latex(table)
    console = Console(width=90, file=io.StringIO(), force_terminal=False)
    with console.capture() as shown:
        console.print(render_terminal(table, 90))
    assert "p splits" in shown.get()
    head, first, *_ = render_csv(table).splitlines()
    values = dict(zip(head.split(","), first.split(","), strict=True))
    assert (values["seeds"], values["label_splits"], values["trials"]) == ("3", "2", "6")
    told = " ".join(part.text for part in summarise(table))
    assert "with three seeds times two label splits each" in told
    assert "Counting label splits as well as cases as chance" in told
    caption = forest_caption(comparison_of(table))
    assert "(seeds and label splits averaged per case)" in caption
    assert "interval over label splits and cases" in caption
    line = commands(read_sweep(runs, "toy"), runs, "hearts", "ref")[0].line
    assert "--seeds 0,1,2 --label-splits 4,7" in line


def test_a_single_seed_is_no_count_in_the_command_of_the_report(write_sweep: WriteSweep, given: Given) -> None:
    runs = write_sweep({name: {3: rows[0, 4]} for name, rows in given.items()})
    assert "--seeds 3, " in commands(read_sweep(runs, "toy"), runs, "hearts", "ref")[0].line + " "


def test_label_splits_are_no_setting_of_a_variant(write_sweep: WriteSweep, given: Given) -> None:
    runs = write_sweep(given)
    for seed, split in GRID:
        known = {"trial_id": f"a-s{seed}-l{split}", "config_hash": "0", "method": "simcvd", "seed": seed}
        write_trial(runs, known | {"status": "finished", "setting.loss.sdm": 1.0, "setting.data.label_split": split})
    sweep = read_sweep(runs, "toy")
    ids = {variant.name: list(variant.trials.values()) for variant in sweep.variants}
    assert settings_of(read_trials(runs, ids["a"]), {"a": ids["a"]}) == {"a": {"loss.sdm": 1.0}}
    one = {"a": ids["a"][:1]}
    assert settings_of(read_trials(runs, ids["a"]), one) == {"a": {"loss.sdm": 1.0, "data.label_split": 4}}


def test_a_training_listed_twice_is_refused(write_sweep: WriteSweep, given: Given) -> None:
    runs = write_sweep(given)
    path = runs / "sweeps" / "toy" / "sweep.yaml"
    path.write_text(path.read_text().replace("label_split: 7", "label_split: 4"))
    with pytest.raises(AnalysisError, match="not as a sweep writes it"):
        read_sweep(runs, "toy")


def false_alarms(seeds: int, splits: int, label_sd: float, seed_sd: float, variants: int) -> float:
    """Return how often p is below 5 % where nothing but luck sets variants apart: 300 simulated comparisons.

    Four variants make two comparisons that share no variant.
    """
    draw, found, comparisons = np.random.default_rng(0), 0, 300
    grid = [(seed, split) for seed in range(seeds) for split in range(splits)]
    for _ in range(2 * comparisons // variants):
        own = []
        for _ in range(variants):
            luck = np.tile(draw.normal(0, label_sd, splits), seeds) + draw.normal(0, seed_sd, len(grid))
            values = luck[:, None] + draw.normal(0, 1.4, CASES) + draw.normal(0, 2, (len(grid), CASES))
            own.append(toy_scores(grid, values))
        pooled = pooled_seed_variance(own)[0]
        for one, other in zip(own[::2], own[1::2], strict=True):
            test = compare(pair(one, other), 0, "different", pooled).over_seeds
            found += test is not None and test.p is not None and test.p < 0.05
    return found / comparisons


@pytest.mark.parametrize(("seeds", "splits", "variants"), [(3, 2, 2), (3, 2, 4), (1, 5, 4)])
def test_the_test_keeps_its_level_where_the_labels_decide(seeds: int, splits: int, variants: int) -> None:
    """300 draws have a standard error of 0.013 at 0.05; with each training a replicate, 3 x 2 would give 0.2."""
    assert false_alarms(seeds, splits, label_sd=1.4, seed_sd=0.7, variants=variants) <= 0.07

"""A sweep over seeds and label splits: each training is a replicate, paired across variants and never counted in n."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.ablation import Table, ablation_table, overview
from analysis.errors import AnalysisError
from analysis.figures.comparison import read_comparison
from analysis.figures.forest import forest_caption
from analysis.figures.settings import settings_of
from analysis.records import read_trials, write_trial
from analysis.replicate import Replicate, in_order
from analysis.report.commands import commands
from analysis.report.summary import summarise
from analysis.row import Row
from analysis.statistics import crossed_test, seed_variance
from analysis.sweep import read_sweep
from analysis.tables import render_csv, render_markdown

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


def row_of(table: Table, variant: str) -> Row:
    return next(row for row in table.rows if row.variant == variant and row.class_id is None)


def dice(given: Given, name: str) -> list[list[float]]:
    return [[row["dice"] for row in given[name][replicate]] for replicate in GRID]


def test_replicates_are_averaged_per_case_so_n_is_the_number_of_cases(write_sweep: WriteSweep, given: Given) -> None:
    row = row_of(ablation_table(write_sweep(given), "toy"), "a")
    assert row.difference is not None
    assert (row.n, row.difference.test.n, row.trials.planned) == (CASES, CASES, 6)
    assert row.mean == pytest.approx(statistics.fmean(map(statistics.fmean, dice(given, "a"))))
    differences = np.mean(dice(given, "a"), axis=0) - np.mean(dice(given, "ref"), axis=0)
    assert row.difference.test.difference == pytest.approx(float(differences.mean()))
    assert row.difference.values == pytest.approx(differences.tolist())


def test_the_test_over_seeds_takes_every_training_as_a_replicate(write_sweep: WriteSweep, given: Given) -> None:
    found = row_of(ablation_table(write_sweep(given), "toy"), "a").difference
    assert found is not None
    assert found.over_seeds is not None
    pooled = seed_variance([dice(given, name) for name in given])
    expected = crossed_test(dice(given, "a"), dice(given, "ref"), "reference higher", pooled=pooled)
    assert found.over_seeds.seeds == 6
    assert found.over_seeds.p == pytest.approx(expected.p)


def test_a_training_that_one_side_lacks_is_left_out_of_the_other(write_sweep: WriteSweep, given: Given) -> None:
    given["a"][1, 7] = "nan"  # type: ignore[assignment]
    table = ablation_table(write_sweep(given), "toy")
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
    row = row_of(ablation_table(runs, "toy"), "a")
    assert (row.difference is not None and len(row.difference.replicates), row.n) == (6, CASES)


def test_notes_tables_and_report_say_seeds_and_label_splits(write_sweep: WriteSweep, given: Given) -> None:
    runs = write_sweep(given)
    table = ablation_table(runs, "toy")
    notes = " ".join(table.notes)
    assert "n test cases; 3 seeds x 2 label splits of each variant are averaged per case first." in notes
    assert "luck of seeds and of labels" in notes
    markdown = render_markdown(overview(runs, "toy"))
    assert "| trials |" in markdown
    assert "| 6/6 |" in markdown
    head, first, *_ = render_csv(overview(runs, "toy")).splitlines()
    values = dict(zip(head.split(","), first.split(","), strict=True))
    assert (values["seeds"], values["label_splits"], values["trials"]) == ("3", "2", "6")
    told = " ".join(part.text for part in summarise(overview(runs, "toy")))
    assert "with three seeds times two label splits each" in told
    assert "Counting seeds and label splits as well as cases as chance" in told
    assert "(seeds and label splits averaged per case)" in forest_caption(read_comparison(runs, "toy"))
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


def test_replicates_sort_with_and_without_label_split() -> None:
    mixed = [Replicate(1), Replicate(0, 2), Replicate(0), Replicate(0, 1)]
    assert in_order(mixed) == (Replicate(0), Replicate(0, 1), Replicate(0, 2), Replicate(1))


def _false_alarms(seeds: int, splits: int, label_sd: float, seed_sd: float) -> float:
    """Return how often p is below 5 % where nothing but luck sets two variants apart."""
    draw = np.random.default_rng(0)
    found = 0
    for _ in range(400):
        luck = np.tile(draw.normal(0, label_sd, splits), seeds) + draw.normal(0, seed_sd, seeds * splits)
        block = luck[:, None] + draw.normal(0, 2, 20) + draw.normal(0, 2.8, (seeds * splits, 20))
        found += (crossed_test(block, np.zeros_like(block), "different").p or 1) < 0.05
    return found / 400


def test_many_label_splits_with_one_seed_keep_the_level_and_few_with_several_seeds_do_not() -> None:
    """What the note says; 400 draws have a standard error of 0.01 at 0.05."""
    assert _false_alarms(seeds=1, splits=5, label_sd=1.4, seed_sd=0.7) < 0.08
    assert _false_alarms(seeds=3, splits=2, label_sd=0.0, seed_sd=1.4) < 0.08
    assert 0.12 < _false_alarms(seeds=3, splits=2, label_sd=1.4, seed_sd=0.7) < 0.25

import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate
from analysis.statistics import PairedTest

WriteSweep = Callable[..., Path]

CASES = [f"c{i}" for i in range(12)]


def made_up(offset: float, seed: int, classes: int = 1, metric: str = "dice") -> list[dict[str, Any]]:
    """Scores of one trial in random order, as different between cases as the field's."""
    draw = random.Random(1000 * seed + round(offset * 1000))
    rows = [
        {"case_id": case, "class_id": k, metric: 0.7 + 0.01 * i - 0.1 * k + offset + draw.gauss(0, 0.02)}
        for i, case in enumerate(CASES)
        for k in range(1, classes + 1)
    ]
    draw.shuffle(rows)
    return rows


def row_of(table: ScoredSweep, variant: str, class_id: int | None = None) -> Row:
    return next(row for row in table.rows if row.variant == variant and row.class_id == class_id)


def t_test(table: ScoredSweep, variant: str) -> PairedTest:
    found = row_of(table, variant).difference
    assert found is not None
    return found.test


def test_every_number_agrees_with_a_plain_calculation(write_sweep: WriteSweep) -> None:
    variants = {
        "p = 0": {0: made_up(-0.02, 0), 1: made_up(-0.02, 1)},
        "ref": {0: made_up(0, 0), 1: made_up(0, 1)},
    }
    table = score_sweep(write_sweep(variants), "toy")

    def case_means(name: str) -> list[float]:
        rows = [row for seed_rows in variants[name].values() for row in seed_rows]
        return [statistics.fmean(row["dice"] for row in rows if row["case_id"] == case) for case in CASES]

    ours, theirs = case_means("p = 0"), case_means("ref")
    row = row_of(table, "p = 0")
    assert row.mean == pytest.approx(statistics.fmean(ours), rel=1e-12)
    assert row.sd == pytest.approx(statistics.stdev(ours), rel=1e-12)
    assert row.difference is not None
    test = row.difference.test
    assert row.n == test.n == 12
    assert test.difference == pytest.approx(statistics.fmean(ours) - statistics.fmean(theirs), rel=1e-9)
    assert test.p == pytest.approx(stats.ttest_rel(theirs, ours).pvalue, rel=1e-9)
    assert test.p < 0.05
    assert row_of(table, "ref").difference is None
    assert row_of(table, "p = 0", 1).difference == row.difference
    assert not any("one seed" in note or "few cases" in note for note in table.notes)


def test_seeds_do_not_inflate_n(write_sweep: WriteSweep) -> None:
    once = {name: {0: made_up(offset, 0)} for name, offset in (("a", -0.01), ("ref", 0.0))}
    many = {name: dict.fromkeys(range(5), seeds[0]) for name, seeds in once.items()}
    first = t_test(score_sweep(write_sweep(once), "toy"), "a")
    second = t_test(score_sweep(write_sweep(many), "toy"), "a")
    assert second.n == 12
    assert second.p == pytest.approx(first.p, rel=1e-9)


def test_lower_is_better_for_distances(write_sweep: WriteSweep) -> None:
    variants = {
        "far": {0: made_up(0.05, 0, metric="hd95_vox")},
        "near": {0: made_up(-0.05, 0, metric="hd95_vox")},
        "ref": {0: made_up(0, 0, metric="hd95_vox")},
    }
    table = score_sweep(write_sweep(variants), "toy", "hd95_vox", sides="one-sided")
    far, near = t_test(table, "far"), t_test(table, "near")
    assert far.p is not None
    assert near.p is not None
    assert far.p < 0.001
    assert near.p > 0.999
    assert any("HD95 of the reference (ref) is lower" in note for note in table.notes)


def test_classes_are_averaged_per_case_and_shown_one_by_one(write_sweep: WriteSweep) -> None:
    variants = {name: {s: made_up(o, s, 2) for s in (0, 1, 2)} for name, o in (("a", -0.02), ("ref", 0.0))}
    table = score_sweep(write_sweep(variants), "toy")
    assert [name for name, _ in table.lines_by_class()] == ["mean", "class 1", "class 2"]
    parts = [row_of(table, "a", class_id).mean for class_id in (1, 2)]
    assert row_of(table, "a").mean == pytest.approx(statistics.fmean(p for p in parts if p is not None))
    assert row_of(table, "a").n == 12


def test_failed_and_unfinished_trials_are_counted_and_named(write_sweep: WriteSweep) -> None:
    variants = {
        "a": {0: made_up(-0.02, 0), 1: "out_of_memory", 2: "nan", 3: None},
        "ref": {s: made_up(0, s) for s in range(4)},
    }
    table = score_sweep(write_sweep(variants), "toy")
    trials = row_of(table, "a").trials
    assert (trials.planned, len(trials.replicates), len(trials.failed), trials.unfinished) == (4, 1, 2, 1)
    notes = "\n".join(table.notes)
    assert "a: 2 of 4 trials failed (out_of_memory, nan)." in notes
    assert "a: 1 of 4 trials not finished." in notes
    assert "a: one seed only" in notes
    assert "a: the reference's seeds 1, 2, 3 left out of the comparison" in notes
    # Compared over seed 0 alone, although the reference's own mean takes all four.
    alone = statistics.fmean(row["dice"] for row in variants["ref"][0])  # type: ignore[index]
    test, mean = t_test(table, "a"), row_of(table, "a").mean
    assert mean is not None
    assert test.difference == pytest.approx(mean - alone)


@pytest.mark.parametrize("status", ["interrupted", "stopped", "validated"])
def test_scores_of_a_trial_that_did_not_finish_are_not_used(
    write_sweep: WriteSweep, make_trial: Callable[..., dict[str, Any]], status: str
) -> None:
    from analysis.runs.records import write_trial

    runs = write_sweep({"a": {0: made_up(-0.02, 0), 1: made_up(0.5, 1)}, "ref": {0: made_up(0, 0)}})
    write_trial(runs, make_trial("a-s1", 1, status))
    table = score_sweep(runs, "toy")
    assert row_of(table, "a").trials.replicates == (Replicate(0),)
    assert "a: 1 of 2 trials not finished." in table.notes


def test_identical_variants_have_no_p_and_a_note(write_sweep: WriteSweep) -> None:
    rows = made_up(0, 0)
    table = score_sweep(write_sweep({"a": {0: rows}, "ref": {0: rows}}), "toy")
    test = t_test(table, "a")
    assert (test.difference, test.p) == (0.0, None)
    assert "a: no p-value: all pairs are identical." in table.notes


def test_empty_predictions_are_counted_and_their_distances_left_out(write_sweep: WriteSweep) -> None:
    ours = [{**row, "hd95_mm": row.pop("dice")} for row in made_up(0.1, 0)]
    for row in ours[:3]:
        row |= {"hd95_mm": None, "dice": 0.0, "empty_prediction": True, "predicted_voxels": 0}
    theirs = [{**row, "hd95_mm": row.pop("dice")} for row in made_up(0, 0)]
    table = score_sweep(write_sweep({"a": {0: ours}, "ref": {0: theirs}}), "toy", "hd95_mm")
    row = row_of(table, "a")
    assert (row.n, row.cases, row.empty_cases, row.empty_predictions, row.predictions) == (9, 12, 3, 3, 12)
    assert row.mean == pytest.approx(statistics.fmean(r["hd95_mm"] for r in ours if r["hd95_mm"] is not None))
    assert t_test(table, "a").n == 9
    notes = "\n".join(table.notes)
    assert "a: 3 of 12 predictions empty, in 3 of 12 cases (HD95 missing, not 0)." in notes
    assert "a: 3 of 12 cases without HD95 and left out of the mean." in notes
    assert "a: 3 values left out of the comparison" in notes
    assert "it rests on 9 cases" in notes
    assert "The means rest on different numbers of cases" in notes


def test_unmatched_cases_are_named(write_sweep: WriteSweep) -> None:
    ours = [row for row in made_up(-0.02, 0) if row["case_id"] != "c3"]
    table = score_sweep(write_sweep({"a": {0: ours}, "ref": {0: made_up(0, 0)}}), "toy")
    assert any("a: the reference's 1 case (c3) left out of the comparison" in note for note in table.notes)
    test = t_test(table, "a")
    assert test.n == 11


def test_another_reference_can_be_asked_for(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"a": {0: made_up(-0.02, 0)}, "ref": {0: made_up(0, 0)}})
    usual, other = (
        t_test(score_sweep(runs, "toy"), "a"),
        t_test(score_sweep(runs, "toy", reference="a"), "ref"),
    )
    assert usual.p is not None
    assert usual.difference is not None
    assert (other.difference, other.p) == (pytest.approx(-usual.difference), pytest.approx(usual.p))


def test_a_sweep_without_reference_compares_nothing(write_sweep: WriteSweep) -> None:
    table = score_sweep(write_sweep({"a": {0: made_up(0, 0)}}, reference=None), "toy")
    assert row_of(table, "a").difference is None
    assert "No reference is named, so nothing is compared." in table.notes


def test_variants_may_share_a_trial(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"a": {0: made_up(0, 0)}, "ref": {0: made_up(0, 1)}})
    file = runs / "sweeps" / "toy" / "sweep.yaml"
    file.write_text(file.read_text().replace("id: a-s0", "id: ref-s0"))
    table = score_sweep(runs, "toy")
    assert row_of(table, "a").mean == row_of(table, "ref").mean


def test_validation_scores_serve_only_where_nobody_has_test_scores(write_sweep: WriteSweep) -> None:
    val = [row | {"split": "val"} for row in made_up(0, 0)]
    table = score_sweep(write_sweep({"a": {0: val}, "ref": {0: val}}), "toy")
    assert table.split == "val"
    assert any("no finished trial has test scores" in note for note in table.notes)
    table = score_sweep(write_sweep({"a": {0: val}, "ref": {0: made_up(0, 0)}}), "toy")
    assert table.split == "test"
    assert row_of(table, "a").mean is None
    assert "a: seed 0 finished without scores and left out." in table.notes


def test_before_anything_finished_the_table_says_so(write_sweep: WriteSweep) -> None:
    table = score_sweep(write_sweep({"a": {0: None}, "ref": {0: "nan"}}), "toy")
    assert [row.mean for row in table.rows] == [None, None]
    assert any("No trial has finished" in note for note in table.notes)
    assert "ref: 1 of 1 trials failed (nan)." in table.notes


def test_a_label_without_a_class_is_counted(write_sweep: WriteSweep) -> None:
    rows = made_up(0, 0, 2)
    for row in rows:
        if row["case_id"] == "c0" and row["class_id"] == 2:
            row |= {"dice": None, "empty_reference": True, "empty_prediction": True, "reference_voxels": 0}
    row = row_of(table := score_sweep(write_sweep({"ref": {0: rows}}), "toy"), "ref")
    assert (row.n, row.empty_labels, row.empty_predictions) == (12, 1, 0)
    assert row_of(table, "ref", 2).n == 11
    assert any("1 of 12 cases without a class in their label" in note for note in table.notes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tox", None, None), r"no sweep 'tox' .* did you mean toy"),
        (("toy", "hd95", None), r"no metric 'hd95'; did you mean .*hd95_vox"),
        (("toy", None, "re"), r"no variant 're'; did you mean ref"),
    ],
)
def test_unknown_names_are_answered_with_known_ones(
    write_sweep: WriteSweep, arguments: tuple[str, str | None, str | None], message: str
) -> None:
    runs = write_sweep({"ref": {0: made_up(0, 0)}})
    with pytest.raises(AnalysisError, match=message):
        score_sweep(runs, *arguments)


@pytest.mark.parametrize("content", ["a: [", "[]", "variants: []", "{metric: dice, dataset: {name: x}, variants: [1]}"])
def test_a_broken_sweep_file_is_named(write_sweep: WriteSweep, content: str) -> None:
    runs = write_sweep({"ref": {0: None}})
    (runs / "sweeps" / "toy" / "sweep.yaml").write_text(content)
    with pytest.raises(AnalysisError, match=r"sweep\.yaml"):
        score_sweep(runs, "toy")

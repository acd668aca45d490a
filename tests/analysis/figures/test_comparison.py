import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.comparison.scored_sweep import score_sweep
from analysis.errors import AnalysisError
from analysis.figures.comparison import Comparison, comparison_of
from analysis.runs.replicate import Replicate
from tests.analysis.made_runs import write_toy_sweep

WriteSweep = Callable[..., Path]
CASES = [f"c{n:02d}" for n in range(12)]


def made_up(offset: float, seed: int, classes: int = 2, metric: str = "dice") -> list[dict[str, Any]]:
    draw = random.Random(1000 * seed + round(offset * 1000))
    return [
        {"case_id": case, "class_id": k, metric: 0.7 + 0.01 * n - 0.1 * k + offset + draw.gauss(0, 0.02)}
        for n, case in enumerate(CASES)
        for k in range(1, classes + 1)
    ]


def compared(runs: Path, name: str = "toy", class_name: str | None = None, **given: Any) -> Comparison:
    return comparison_of(score_sweep(runs, name, settings=True, **given), class_name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To read only."""
    short = [row for row in made_up(0.01, 1) if row["case_id"] != "c03"]
    return write_toy_sweep(
        tmp_path_factory.mktemp("compared"),
        {
            "a": {0: made_up(-0.02, 0), 1: made_up(-0.02, 1), 2: "out_of_memory"},
            "ref": {0: made_up(0, 0), 1: made_up(0, 1), 2: made_up(0, 2)},
            "b": {0: made_up(0.01, 0), 1: short, 2: None},
            "c": {0: "nan", 1: "nan", 2: "nan"},
        },
    )


@pytest.mark.parametrize("class_name", [None, "class 1", "class 2"])
def test_it_agrees_with_the_ablation_table(runs: Path, class_name: str | None) -> None:
    comparison = compared(runs, class_name=class_name)
    rows = {row.variant: row for row in score_sweep(runs, "toy").rows if row.class_name == (class_name or "mean")}
    for variant in comparison.variants:
        row = rows[variant.name]
        assert len(variant.there) == row.n
        if row.mean is not None:
            assert float(variant.there.mean()) == pytest.approx(row.mean, rel=1e-12)
    assert [pairs.variant for pairs in comparison.pairs] == ["a", "b", "c"]
    for pairs in comparison.pairs:
        assert pairs.difference == rows[pairs.variant].difference
        assert len(pairs.cases) == pairs.difference.test.n


def test_pairs_are_of_the_cases_that_they_name(runs: Path) -> None:
    pairs = next(pairs for pairs in compared(runs).pairs if pairs.variant == "a")
    assert list(pairs.cases) == CASES
    sides = pairs.difference.variant, pairs.difference.reference
    for case, ours, theirs in zip(pairs.cases, *sides, strict=True):
        of = [[r["dice"] for s in (0, 1) for r in made_up(offset, s) if r["case_id"] == case] for offset in (-0.02, 0)]
        assert (ours, theirs) == pytest.approx(tuple(map(statistics.fmean, of)))


def test_seeds_are_means_over_cases(runs: Path) -> None:
    variant = compared(runs).variants[0]
    assert list(variant.by_replicate) == [Replicate(0), Replicate(1)]
    for replicate, mean in zip(variant.by_replicate, variant.replicate_means, strict=True):
        assert mean == pytest.approx(statistics.fmean(row["dice"] for row in made_up(-0.02, replicate.seed)))


def test_what_is_missing_is_said(runs: Path) -> None:
    assert compared(runs).remarks() == [
        "a: 1 of 3 trials failed (out_of_memory).",
        "b: 1 of 3 trials not finished or not scored.",
        "c: 3 of 3 trials failed (nan).",
    ]


def test_empty_predictions_have_no_distance_and_are_said(write_sweep: WriteSweep) -> None:
    ours = [{"case_id": case, "hd95_mm": 5.0 + n} for n, case in enumerate(CASES)]
    for row in ours[:3]:
        row |= {"hd95_mm": None, "empty_prediction": True, "predicted_voxels": 0}
    theirs = [{"case_id": case, "hd95_mm": 4.0 + n} for n, case in enumerate(CASES)]
    runs = write_sweep({"ref": {0: theirs}, "a": {0: ours}}, metric="hd95_mm")
    comparison = compared(runs)
    variant = comparison.variants[1]
    assert np.isnan(variant.values).tolist() == [True] * 3 + [False] * 9
    assert variant.there.tolist() == [8.0 + n for n in range(9)]
    (pairs,) = comparison.pairs
    assert pairs.cases == tuple(CASES[3:])
    assert pairs.left_out == 3
    assert comparison.remarks() == [
        "a: 3 of 12 predictions empty.",
        "a: 3 of 12 cases without HD95, left out.",
    ]


def test_a_case_scored_on_one_side_only_makes_no_pair(write_sweep: WriteSweep) -> None:
    rows = [{"case_id": case, "dice": 0.5 + 0.01 * n} for n, case in enumerate(CASES)]
    comparison = compared(write_sweep({"ref": {0: rows[1:]}, "a": {0: rows[:-1]}}))
    (pairs,) = comparison.pairs
    assert pairs.cases == tuple(CASES[1:-1])
    assert list(pairs.difference.variant) == pytest.approx([0.51 + 0.01 * n for n in range(10)])
    assert pairs.left_out == 2


def test_nothing_finished_yet(write_sweep: WriteSweep) -> None:
    comparison = compared(write_sweep({"ref": {0: None}, "a": {0: None}}))
    assert comparison.cases == ()
    assert comparison.scored == ()
    assert [len(pairs.cases) for pairs in comparison.pairs] == [0]


def test_without_a_reference_there_are_no_pairs(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"a": {0: made_up(0, 0)}, "b": {0: made_up(0.1, 0)}}, reference=None)
    assert compared(runs).pairs == ()
    assert [pairs.variant for pairs in compared(runs, reference="b").pairs] == ["a"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metrics": "dise"}, "no metric 'dise'; did you mean dice"),
        ({"reference": "reff"}, "no variant 'reff'; did you mean ref"),
        ({"class_name": "class 3"}, "no class 'class 3'; did you mean class"),
        ({"name": "toi"}, "no sweep 'toi'"),
    ],
)
def test_unknown_names_are_answered_with_known_ones(runs: Path, given: dict[str, str], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        compared(runs, **given)

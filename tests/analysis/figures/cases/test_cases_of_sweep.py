from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.comparison.scored_sweep import score_sweep
from analysis.errors import AnalysisError
from analysis.figures.cases.cases_of_sweep import MOST_VARIANTS, CasesOfSweep, pick_cases, read_cases_of_sweep
from analysis.figures.comparison import comparison_of
from analysis.runs.masks import MaskWriter
from simcvd.data.store import Grid, write_case

WriteSweep = Callable[..., Path]
SHAPE = (6, 7, 8)
DICE = {"c0": 0.8, "c1": 0.95, "c2": 0.5, "c3": 0.7}


def rows(shift: float = 0.0) -> list[dict[str, Any]]:
    return [{"case_id": case, "dice": value + shift} for case, value in DICE.items()]


def a_mask(value: int = 1) -> Any:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[2:4, 2:5, 3:6] = value
    return mask


def keep(runs: Path, trial: str, cases: Sequence[str] = tuple(DICE), value: int = 1) -> None:
    with MaskWriter(runs, trial) as writer:
        for case in cases:
            writer.add(case, a_mask(value))


def read(runs: Path, dataset: Path | None = None, **given: Any) -> CasesOfSweep:
    scored = score_sweep(runs, "toy", **given, settings=True)
    return read_cases_of_sweep(runs, scored.sweep, comparison_of(scored), dataset)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "moved"
    for number, case in enumerate(DICE):
        image = np.full(SHAPE, number, np.float32)
        write_case(folder, case, image, a_mask(2), Grid((1, 0.5, 2), np.eye(4), SHAPE), classes=2)
    return folder


@pytest.mark.parametrize(
    ("scores", "higher", "expected"),
    [
        ({"a": 0.5, "b": 0.9, "d": 0.1, "e": 0.7}, True, {"b": "best", "a": "median", "d": "worst"}),
        ({"a": 0.5, "b": 0.9, "d": 0.1, "e": 0.7}, False, {"d": "best", "e": "median", "b": "worst"}),
        ({"a": 1.0, "b": 3.0, "c": 2.0}, False, {"a": "best", "c": "median", "b": "worst"}),
        ({"a": 1.0, "b": 3.0}, True, {"b": "best", "a": "worst"}),
        ({"a": 1.0}, True, {"a": ""}),
        ({}, True, {}),
    ],
)
def test_best_median_and_worst_are_picked_in_this_order(
    scores: dict[str, float], higher: bool, expected: dict[str, str]
) -> None:
    assert list(pick_cases(scores, higher).items()) == list(expected.items())


def test_cases_masks_and_scores_are_of_the_references_first_seed_with_masks(
    write_sweep: WriteSweep, dataset: Path
) -> None:
    runs = write_sweep({"a": {0: rows(-0.1), 1: rows(0.02)}, "ref": {0: rows(-0.2), 1: rows()}, "none": {0: rows()}})
    keep(runs, "ref-s1", value=2)
    keep(runs, "a-s0")
    keep(runs, "a-s1", ["c0", "c1"], value=1)
    found = read(runs, dataset)
    assert found.variants == ("ref", "a")
    assert [(case.role, case.name) for case in found.cases] == [("best", "c1"), ("median", "c3"), ("worst", "c2")]
    best, median, _ = found.cases
    assert best.image.tolist() == np.full(SHAPE, 1).tolist()
    assert best.spacing_mm == (1, 0.5, 2)
    assert best.reference.tolist() == a_mask(2).tolist()
    assert best.predictions["ref"].tolist() == a_mask(2).tolist()
    assert best.predictions["a"].tolist() == a_mask(1).tolist()
    assert best.scores == pytest.approx({"ref": 0.95, "a": 0.97})
    assert (list(median.predictions), median.scores) == (["ref"], pytest.approx({"ref": 0.7}))
    assert found.remarks == (
        "Cases chosen by the Dice of ref, seed 1.",
        "Left out for want of masks: none.",
    )


def test_another_seed_is_taken_where_the_same_has_no_masks_and_said(write_sweep: WriteSweep, dataset: Path) -> None:
    runs = write_sweep({"ref": {0: rows()}, "a": {0: None, 3: rows(0.01)}})
    keep(runs, "ref-s0")
    keep(runs, "a-s3")
    found = read(runs, dataset)
    assert found.cases[0].scores == pytest.approx({"ref": 0.95, "a": 0.96})
    assert "Masks of another seed: a seed 3." in found.remarks


def test_what_does_not_fit_is_left_out_and_said(write_sweep: WriteSweep, dataset: Path) -> None:
    names = [f"v{number}" for number in range(MOST_VARIANTS + 1)]
    runs = write_sweep({name: {0: rows()} for name in [*names, "ref"]})
    for name in [*names, "ref"]:
        keep(runs, f"{name}-s0")
    found = read(runs, dataset)
    assert found.variants == ("ref", *names[: MOST_VARIANTS - 1])
    assert f"Left out for want of room: {names[-2]} and {names[-1]}." in found.remarks


def test_a_case_without_a_value_is_not_chosen(write_sweep: WriteSweep, dataset: Path) -> None:
    scored = [row | {"hd95_mm": None if row["case_id"] == "c1" else 10 * row["dice"]} for row in rows()]
    runs = write_sweep({"ref": {0: scored}})
    keep(runs, "ref-s0")
    found = read(runs, dataset, metrics="hd95_mm")
    assert [(case.role, case.name) for case in found.cases] == [("best", "c2"), ("median", "c3"), ("worst", "c0")]


def test_without_a_reference_the_first_variant_with_masks_chooses(write_sweep: WriteSweep, dataset: Path) -> None:
    runs = write_sweep({"a": {0: rows()}, "b": {0: rows()}}, reference=None)
    keep(runs, "b-s0")
    assert read(runs, dataset).variants == ("b",)


def test_why_there_is_nothing_is_said(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: rows()}, "a": {0: rows()}})
    assert read(runs).remarks == ("Slices and surfaces left out: no trial of ref has kept masks of cases with a Dice.",)
    keep(runs, "ref-s0")
    found = read(runs)
    assert (found.cases, found.variants) == ((), ())
    assert found.remarks == (
        "Slices and surfaces left out: their images are in the data set and there is none in elsewhere; "
        "say where it is with --dataset.",
    )


def test_a_wrong_data_set_is_refused(write_sweep: WriteSweep, dataset: Path, tmp_path: Path) -> None:
    runs = write_sweep({"ref": {0: rows()}})
    keep(runs, "ref-s0")
    with pytest.raises(AnalysisError, match="There is no data set in"):
        read(runs, tmp_path / "nowhere")
    (dataset / "cases" / "c1.h5").unlink()
    with pytest.raises(AnalysisError, match="has no case c1; give the one that the sweep ran on"):
        read(runs, dataset)
    image = np.zeros((6, 7, 9), np.float32)
    write_case(dataset, "c1", image, None, Grid((1, 1, 1), np.eye(4), image.shape), classes=2)
    with pytest.raises(AnalysisError, match="has no label of case c1"):
        read(runs, dataset)
    label = image.astype(np.uint8)
    write_case(dataset, "c1", image, label, Grid((1, 1, 1), np.eye(4), image.shape), classes=2)
    with pytest.raises(AnalysisError, match=r"c1 has 6 x 7 x 9 voxels in .* but 6 x 7 x 8 in the sweep's masks"):
        read(runs, dataset)

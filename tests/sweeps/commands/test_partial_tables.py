"""`simcvd tables` while a sweep runs: right statistics of what is there, and a word on what is not."""

import csv
import io
import statistics
from pathlib import Path
from typing import Any

import pytest
import yaml
from scipy import stats

from analysis.runs.records import write_cases, write_trial
from simcvd.metrics.names import METRICS

CASES = 12
FINISHED = {("A", 0), ("A", 2), ("B", 0), ("B", 1), ("ref", 0), ("ref", 1)}


def _dice(variant: str, seed: int, case: int) -> float:
    place = ("ref", "A", "B", "C").index(variant)
    return 0.8 - 0.02 * place + 0.05 * seed + 0.002 * ((3 * case + 5 * place + 7 * seed) % 11)


def _trial(runs: Path, variant: str, seed: int, status: str, split: str = "test") -> None:
    trial = f"{variant}-{seed}"
    known: dict[str, Any] = {"trial_id": trial, "config_hash": "0", "method": "simcvd", "seed": seed}
    rows = [
        known
        | {"label_split": None, "dataset": "la", "split": split, "case_id": f"c{case}", "class_id": 1}
        | {"class_name": "atrium", **dict.fromkeys(METRICS), "predicted_voxels": 9, "reference_voxels": 9}
        | {"empty_prediction": False, "empty_reference": False, "dice": _dice(variant, seed, case)}
        for case in range(CASES)
    ]
    write_cases(runs, trial, rows)
    write_trial(runs, known | {"status": status})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A sweep of four variants and three seeds: six trials finished, one each in every other state."""
    for variant, seed in FINISHED:
        _trial(tmp_path, variant, seed, "finished")
    _trial(tmp_path, "A", 1, "interrupted")  # its old scores don't count
    _trial(tmp_path, "B", 2, "validated", split="val")
    _trial(tmp_path, "C", 0, "stopped", split="val")
    _trial(tmp_path, "C", 1, "failed")
    variants = [
        {"name": name, "set": {}, "trials": [{"seed": seed, "id": f"{name}-{seed}"} for seed in range(3)]}
        for name in ("ref", "A", "B", "C")
    ]
    content = {"name": "mine", "metric": "dice", "reference": "ref", "dataset": {"name": "la"}, "variants": variants}
    folder = tmp_path / "sweeps" / "mine"
    folder.mkdir(parents=True)
    (folder / "sweep.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def _mean(variant: str, case: int, seeds: tuple[int, ...]) -> float:
    return statistics.fmean(_dice(variant, seed, case) for seed in seeds)


def test_means_take_the_seeds_that_are_there_and_differences_those_of_both(run, runs):
    done = run("tables", runs / "mine", "--format", "csv")
    assert done.exit_code == 0, done.output
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(done.stdout)) if row["class"] == "mean"}
    cases = range(CASES)
    for variant, seeds in (("ref", (0, 1)), ("A", (0, 2)), ("B", (0, 1))):
        means = [_mean(variant, case, seeds) for case in cases]
        assert float(rows[variant]["mean"]) == pytest.approx(statistics.fmean(means))
        assert rows[variant]["n"] == str(CASES)
    p_values = []
    for variant, common in (("A", (0,)), ("B", (0, 1))):
        ours = [_mean(variant, case, common) for case in cases]
        theirs = [_mean("ref", case, common) for case in cases]
        expected = statistics.fmean(a - b for a, b in zip(ours, theirs, strict=True))
        assert float(rows[variant]["difference"]) == pytest.approx(expected)
        p_values.append(stats.ttest_rel(theirs, ours).pvalue)
        assert float(rows[variant]["p"]) == pytest.approx(p_values[-1])
    assert rows["C"]["mean"] == rows["C"]["p"] == ""


def test_what_is_missing_is_told(run, runs):
    told = run("tables", runs / "mine", "--format", "md").stdout
    assert "ref, A, B: 1 of 3 trials not finished" in told
    assert "C: 1 of 3 trials failed" in told
    assert "C: 2 of 3 trials not finished" in told
    assert "A: its seed 2 left out of the comparison, the reference has no scores for it" in told
    assert "A: the reference's seed 1 left out of the comparison, no scores for it here" in told


def test_without_the_reference_nothing_is_compared_yet(run, runs):
    for seed in (0, 1):
        (runs / "results" / "trials" / f"ref-{seed}.parquet").unlink()
    done = run("tables", runs / "mine", "--format", "csv")
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(done.stdout)) if row["class"] == "mean"}
    assert {row["p"] for row in rows.values()} == {""}
    assert float(rows["A"]["mean"]) > 0.5

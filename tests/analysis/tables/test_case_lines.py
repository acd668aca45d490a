"""The scores as CSV, a row a case and a column a variant."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.comparison.scored_sweep import score_sweep
from analysis.errors import AnalysisError
from analysis.tables import make_sheet, render_cases
from tests.analysis.made_sweeps import around

WriteSweep = Callable[..., Path]


def test_seeds_are_averaged_and_what_is_missing_is_empty(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"=a": {0: around(0.5), 1: around(0.7)}, "ref": {0: around(0.6)[:4]}})
    lines = list(csv.reader(render_cases(score_sweep(runs, "toy")).splitlines()))
    assert lines[0] == ["case", "'=a", "ref"]
    assert [line[0] for line in lines[1:]] == ["c0", "c1", "c2", "c3", "c4"]
    assert float(lines[1][1]) == pytest.approx(0.56)
    assert lines[5][2] == ""


def test_it_is_for_one_sweep_and_one_metric(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: around(0.6, jaccard=0.5)}}, also=("jaccard",))
    scored = score_sweep(runs, "toy")
    with pytest.raises(AnalysisError, match="not for several metrics; choose one with --metric"):
        render_cases(scored)
    alone = scored.each()[0]
    with pytest.raises(AnalysisError, match="not for several sweeps"):
        render_cases(make_sheet([alone, alone], headings=["a", "b"]))

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.comparison.scores_file import ScoreColumns
from analysis.errors import AnalysisError
from analysis.tables.request import Request, is_scores_file, sheet_of_scores, sheet_of_sweeps
from tests.analysis.made_sweeps import around

WriteSweep = Callable[..., Path]


@pytest.fixture
def runs(write_sweep: WriteSweep) -> Path:
    return write_sweep({"SASSNet": {0: around(0.5, hd95_mm=3.0)}, "ref": {0: around(0.6, hd95_mm=2.0)}})


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text("m,c,dice\nSASSNet,1,0.5\nSASSNet,2,0.7\nours,1,0.6\nours,2,0.9\n")
    return path


def test_a_file_of_scores_is_told_by_its_ending_unless_it_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").mkdir()
    places = ("toy", "gone.csv", "a/gone.parquet", str(tmp_path / "sweep.csv"), "runs/sweeps/a.b")
    assert list(map(is_scores_file, places)) == [False, True, True, False, False]


def test_what_was_asked_for_holds_for_the_table(runs: Path) -> None:
    table = sheet_of_sweeps([(runs, "toy")], Request(("hd95_mm",), "SASSNet", sides="two-sided"))
    assert [metric.name for metric in table.metrics] == ["hd95_mm"]
    assert table.sources[0].reference == "SASSNet"
    assert "two-sided" in table.sources[0].notes[1]


def test_sweeps_of_one_name_are_headed_by_their_folders_and_none_may_come_twice(runs: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    (other / "sweeps").symlink_to(runs / "sweeps")
    (other / "results").symlink_to(runs / "results")
    table = sheet_of_sweeps([(runs, "toy"), (other, "toy")], Request())
    assert table.names == (str(runs / "toy"), str(other / "toy"))
    with pytest.raises(AnalysisError, match="named twice"):
        sheet_of_sweeps([(runs, "toy"), (runs, "toy")], Request())


def test_the_papers_values_are_shown_where_they_are_asked_for(runs: Path, scores: Path) -> None:
    assert not sheet_of_sweeps([(runs, "toy")], Request()).has_published
    columns = ScoreColumns(case="c", variant="m")
    for table in (
        sheet_of_sweeps([(runs, "toy")], Request(), block="la-16"),
        sheet_of_scores(scores, columns, Request(("dice",)), block="la-16"),
    ):
        (paper,) = (line.paper for line in table.lines if line.row.variant == "SASSNet" and line.row.class_id is None)
        assert paper is not None
        assert (paper.variant, paper.values["dice"].value) == ("SASSNet", 0.8927)
    with pytest.raises(AnalysisError, match="this one names none"):
        sheet_of_sweeps([(runs, "toy")], Request(), published=True)


def test_columns_of_a_file_that_were_not_named_are_asked_for(scores: Path) -> None:
    with pytest.raises(AnalysisError, match=r"columns of scores\.csv with --variant, --metric; it has m, c, dice\."):
        sheet_of_scores(scores, ScoreColumns(case="c"), Request())

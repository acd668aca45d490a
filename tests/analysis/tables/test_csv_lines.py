import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from analysis.comparison.scores_file import tables_of_scores
from analysis.errors import AnalysisError
from analysis.runs.spreadsheet import guarded
from analysis.tables import Table, render_csv
from tests.analysis.made_sweeps import METHODS, METRICS, ODD, REFERENCE, method_variants

WriteSweep = Callable[..., Path]
TableOf = Callable[..., Table]


def test_csv_has_full_precision_and_stored_units(dropout: Table) -> None:
    lines = list(csv.DictReader(io.StringIO(render_csv(dropout))))
    assert len(lines) == 2 * 7  # the mean and the one class
    for row, line in zip(dropout.rows, lines, strict=True):
        assert float(line["mean"]) == row.mean
        assert float(line["sd"]) == row.sd
        assert line["p"] == ("" if row.difference is None else repr(row.difference.test.p))
        assert line["difference"] == ("" if row.difference is None else repr(row.difference.test.difference))
        assert int(line["n"]) == 10
    assert {line["variant"]: (line["failed"], line["unfinished"]) for line in lines}["projection.dropout=0.2"] == (
        "0",
        "1",
    )


def test_csv_holds_names_as_they_are(odd: TableOf) -> None:
    lines = list(csv.DictReader(io.StringIO(render_csv(odd()))))
    assert list(dict.fromkeys(line["variant"] for line in lines)) == [*ODD, "ref"]


def test_csv_holds_every_statistic_of_a_row(odd: TableOf) -> None:
    of = odd()
    lines = {
        (line["variant"], line["metric"], line["class"]): line for line in csv.DictReader(io.StringIO(render_csv(of)))
    }
    for line in of.lines:
        for value in line.values:
            row, found = value.row, lines[value.row.variant, value.metric.name, "mean"]
            if (difference := row.difference) is None:
                assert found["p_holm"] == found["p_over_seeds"] == found["hedges_g"] == ""
                continue
            expected = {
                "difference": difference.test.difference,
                "difference_ci_low": difference.interval.low,
                "difference_ci_high": difference.interval.high,
                "hedges_g": difference.effect.g,
                "p": difference.test.p,
                "p_holm": difference.p_holm,
                "p_over_seeds": difference.over_seeds.p if difference.over_seeds else None,
                "p_over_seeds_holm": difference.over_seeds_holm,
                "p_signed_rank": difference.signed_rank.p,
                "p_normality": difference.normality,
                "ci_low": row.interval.low,
                "ci_high": row.interval.high,
            }
            assert {name: found[name] for name in expected} == {
                name: "" if number is None else repr(number) for name, number in expected.items()
            }


def frame_of(given: dict[str, dict[int, Any]]) -> pd.DataFrame:
    rows = [
        {"variant": name, "seed": seed, **row}
        for name, seeds in given.items()
        for seed, own in seeds.items()
        for row in own
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(METRICS, float))


@pytest.mark.parametrize("metric", METRICS)
def test_every_number_agrees_with_pandas_and_scipy(methods: TableOf, metric: str) -> None:
    given = method_variants()
    frame = frame_of(given)
    per_case = frame.pivot_table(index="case_id", columns="variant", values=metric, aggfunc="mean")
    per_trial = frame.pivot(index=["case_id", "seed"], columns="variant", values=metric)

    lines = list(csv.DictReader(io.StringIO(render_csv(methods()))))
    own = {line["variant"]: line for line in lines if line["metric"] == metric and line["class"] == "mean"}
    assert list(own) == list(METHODS)
    for name, line in own.items():
        values = per_case[name].dropna()
        assert int(line["n"]) == len(values) == (12 if metric in ("dice", "jaccard") or name == METHODS[0] else 11)
        assert float(line["mean"]) == pytest.approx(values.mean(), rel=1e-12)
        assert float(line["sd"]) == pytest.approx(values.std(), rel=1e-12)
        if name == REFERENCE:
            assert (line["p"], line["alternative"]) == ("", "")
            continue
        # A seed and case counts where both sides have it; seeds are averaged, then cases compared.
        both = per_trial[[REFERENCE, name]].dropna().groupby("case_id").mean()
        expected = stats.ttest_rel(both[REFERENCE], both[name]).pvalue
        assert float(line["p"]) == pytest.approx(expected, rel=1e-9)
        assert float(line["difference"]) == pytest.approx((both[name] - both[REFERENCE]).mean(), rel=1e-9)
        assert int(line["n_pairs"]) == len(both)
        assert line["alternative"] == "different"


def test_csv_has_one_line_per_class_variant_and_metric(methods: TableOf) -> None:
    lines = list(csv.DictReader(io.StringIO(render_csv(methods(2)))))
    keys = [(line["class"], line["variant"], line["metric"]) for line in lines]
    assert keys == [(c, v, m) for c in ("mean", "class 1", "class 2") for v in METHODS for m in METRICS]


def test_names_that_begin_as_formulas_do_are_text_in_the_csv_and_come_back(tmp_path: Path) -> None:
    names = ["=HYPERLINK(A1)", "-dropout", "+1", "@a", "'=quoted", "plain"]
    scores = pd.DataFrame(
        [
            {"network": name, "patient": f"{sign}{number}", "organ": organ, "dice": 0.5 + 0.01 * (number + place)}
            for place, name in enumerate(names)
            for number, sign in enumerate("=+-@ab")
            for organ in ("=liver", "spleen")
        ]
    )
    columns = {"case": "patient", "variant": "network", "metric": "dice", "class_name": "organ"}
    own = render_csv(tables_of_scores(scores, reference="@a", name="=sweep", **columns))
    lines = list(csv.DictReader(io.StringIO(own)))
    assert not [cell for line in lines for cell in line.values() if cell[:1] in "=+@" and cell]
    assert not [line[head] for line in lines for head in ("variant", "class", "reference") if line[head][:1] == "-"]
    assert {line["variant"] for line in lines} == {f"'{name}" for name in names[:5]} | {"plain"}
    assert {line["class"] for line in lines} == {"mean", "'=liver", "spleen"}
    assert any(float(line["difference"] or 0) < 0 for line in lines)  # a number stays a number

    # Scores in which the same names are guarded make the same table, number by number.
    file = tmp_path / "scores.csv"
    scores.apply(lambda column: column.map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)).to_csv(
        file, index=False
    )
    assert "\n'=HYPERLINK(A1)" in file.read_text()
    assert render_csv(tables_of_scores(file, reference="@a", name="=sweep", **columns)) == own


def test_a_score_behind_an_apostrophe_is_no_number(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("n,p,dice\na,1,'-0.5\n")
    with pytest.raises(AnalysisError, match=r"has ''-0\.5' for 'dice'; expected a finite number"):
        tables_of_scores(file, "p", "n", "dice")

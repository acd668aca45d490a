import csv
import io
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

import analysis.comparison.table
from analysis.comparison.metric import shown_p
from analysis.errors import AnalysisError
from analysis.tables import (
    Overview,
    ablation_table,
    render_csv,
    render_markdown,
    render_terminal,
    sweep_table,
    write_tables,
)

WriteSweep = Callable[..., Path]
Rows = list[dict[str, Any]]

ALSO = ("jaccard", "hd95_vox", "asd_vox")
METRICS = ("dice", *ALSO)
NAMES = ("Supervised (upper bound)", "DAN", "SimCVD")
REFERENCE = "SimCVD"
LABELS = {1: "class 1", 2: "class 2"}


def trial(place: int, seed: int, classes: int = 1, empty: Sequence[int] = ()) -> Rows:
    """Twelve cases; those in `empty` have an empty prediction of class 1."""
    rows: Rows = []
    for case in range(12):
        for class_id in range(1, classes + 1):
            draw = random.Random(f"{place} {seed} {case} {class_id}")
            dice = 0.6 + 0.05 * place + 0.01 * case + draw.gauss(0, 0.03)
            row: dict[str, Any] = {
                "case_id": f"c{case:02d}",
                "class_id": class_id,
                "dice": dice,
                "jaccard": dice / (2 - dice),
                "hd95_vox": 40 * (1 - dice) + draw.random(),
                "asd_vox": 9 * (1 - dice) + draw.random(),
            }
            if case in empty and class_id == 1:
                row |= {"dice": 0.0, "jaccard": 0.0, "hd95_vox": None, "asd_vox": None, "empty_prediction": True}
            rows.append(row)
    return rows


def variants(seeds: Sequence[int] = (0, 1), classes: int = 1) -> dict[str, dict[int, Any]]:
    """Three variants; seed 0 of DAN and of the reference each have empty predictions, case 2 in both and all seeds."""
    empty = {("DAN", 0): (1, 2), ("DAN", 1): (2,), (REFERENCE, 0): (2, 3), (REFERENCE, 1): (2,)}
    return {
        name: {seed: trial(place, seed, classes, empty.get((name, seed), ())) for seed in seeds}
        for place, name in enumerate(NAMES)
    }


def made(write_sweep: WriteSweep, given: dict[str, dict[int, Any]] | None = None) -> Path:
    return write_sweep(given or variants(), reference=REFERENCE, also=ALSO)


def shown(write_sweep: WriteSweep, given: dict[str, dict[int, Any]] | None = None) -> Overview:
    table = sweep_table(made(write_sweep, given), "toy")
    assert isinstance(table, Overview)
    return table


def printed(table: Overview, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(render_terminal(table, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def frame_of(given: dict[str, dict[int, Any]]) -> pd.DataFrame:
    rows = [
        {"variant": name, "seed": seed, **row}
        for name, seeds in given.items()
        for seed, own in seeds.items()
        for row in own
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(METRICS, float))


@pytest.mark.parametrize("metric", METRICS)
def test_every_number_agrees_with_pandas_and_scipy(write_sweep: WriteSweep, metric: str) -> None:
    given = variants()
    frame = frame_of(given)
    per_case = frame.pivot_table(index="case_id", columns="variant", values=metric, aggfunc="mean")
    per_trial = frame.pivot(index=["case_id", "seed"], columns="variant", values=metric)
    side: Any = "greater" if metric in ("dice", "jaccard") else "less"

    lines = list(csv.DictReader(io.StringIO(render_csv(shown(write_sweep, given)))))
    own = {line["variant"]: line for line in lines if line["metric"] == metric and line["class"] == "mean"}
    assert list(own) == list(NAMES)
    for name, line in own.items():
        values = per_case[name].dropna()
        assert int(line["n"]) == len(values) == (12 if metric in ("dice", "jaccard") or name == NAMES[0] else 11)
        assert float(line["mean"]) == pytest.approx(values.mean(), rel=1e-12)
        assert float(line["sd"]) == pytest.approx(values.std(), rel=1e-12)
        if name == REFERENCE:
            assert (line["p"], line["alternative"]) == ("", "")
            continue
        # A seed and case counts where both sides have it; seeds are averaged, then cases compared.
        both = per_trial[[REFERENCE, name]].dropna().groupby("case_id").mean()
        expected = stats.ttest_rel(both[REFERENCE], both[name], alternative=side).pvalue
        assert float(line["p"]) == pytest.approx(expected, rel=1e-9)
        assert float(line["difference"]) == pytest.approx((both[name] - both[REFERENCE]).mean(), rel=1e-9)
        assert int(line["n_pairs"]) == len(both)
        assert line["alternative"] == ("reference higher" if side == "greater" else "reference lower")


def test_each_metric_has_the_rows_of_its_own_table(write_sweep: WriteSweep) -> None:
    overview = shown(write_sweep, variants(classes=2))
    for table, metric in zip(overview.tables, METRICS, strict=True):
        assert table == ablation_table(made(write_sweep, variants(classes=2)), "toy", metric)


def test_csv_has_one_line_per_class_variant_and_metric(write_sweep: WriteSweep) -> None:
    lines = list(csv.DictReader(io.StringIO(render_csv(shown(write_sweep, variants(classes=2))))))
    keys = [(line["class"], line["variant"], line["metric"]) for line in lines]
    assert keys == [(c, v, m) for c in ("mean", *LABELS.values()) for v in NAMES for m in METRICS]


def test_records_are_read_once_for_all_metrics(write_sweep: WriteSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = made(write_sweep)
    calls: list[list[str]] = []
    read = analysis.comparison.table.read_cases

    def counted(runs: Path, trials: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
        calls.append(list(columns))
        return read(runs, trials, columns)

    monkeypatch.setattr("analysis.comparison.table.read_cases", counted)
    write_tables(runs, "toy")
    assert len(calls) == 1
    assert set(METRICS) < set(calls[0])


def test_markdown_has_one_row_a_variant(write_sweep: WriteSweep) -> None:
    """Dice 0.5 and 0.7, mean 60 %, SD 14.14; the reference 0.1 and 0.3 higher: t = 2, p = 0.148 (1 df)."""
    given: dict[str, dict[int, Any]] = {
        name: {
            0: [
                {"case_id": "a", "dice": dice[0], "jaccard": 0.5, "hd95_vox": 2.0, "asd_vox": 1.0},
                {"case_id": "b", "dice": dice[1], "jaccard": 0.5, "hd95_vox": 4.0, "asd_vox": 1.0},
            ]
        }
        for name, dice in (("a|b", (0.5, 0.7)), (REFERENCE, (0.6, 1.0)))
    }
    lines = render_markdown(shown(write_sweep, given)).splitlines()
    assert lines[0] == "# toy: Dice, Jaccard, HD95 and ASD on test cases of toy, reference SimCVD"
    assert lines[2] == (
        "| variant | Dice [%] | p | Jaccard [%] | p | HD95 [voxel] | p | ASD [voxel] | p "
        "| n | seeds | failed | unfinished | empty |"
    )
    assert lines[4] == (
        "| a\\|b | 60.00 ± 14.14 | 0.148 | 50.00 ± 0.00 | - | 3.00 ± 1.41 | - | 1.00 ± 0.00 | - | 2 | 1/1 | 0 | 0 | 0 |"
    )
    assert lines[5].startswith("| SimCVD | **80.00 ± 28.28** | ref | 50.00 ± 0.00 | ref |")
    assert "- a\\|b: no p-value for Jaccard, HD95 and ASD: all pairs are identical." in lines


def test_direction_and_cases_behind_each_p_are_said(write_sweep: WriteSweep) -> None:
    """The reference lacks case 2; of cases 1 (DAN) and 3 (reference) the other seed remains."""
    overview = shown(write_sweep)
    told = [
        "p: paired one-sided t-test over cases, alternative: the reference (SimCVD) has higher Dice and Jaccard and "
        "lower HD95 and ASD; adjusted by Holm's method for the 2 comparisons of each metric.",
        "Each p rests on 12 cases that both sides have; on 11: HD95 and ASD of Supervised (upper bound), DAN.",
        "DAN, SimCVD: 3 of 24 predictions empty, in 2 of 12 cases (Dice and Jaccard 0; HD95 and ASD missing, not 0).",
        "DAN, SimCVD: 1 of 12 cases without a value for HD95 and ASD and left out of the mean.",
        "DAN: 2 values left out of the comparison for HD95 and ASD, the other side has none at that seed, case and "
        "class.",
        "The means rest on different numbers of cases; each p compares the same cases and seeds.",
    ]
    assert [note for note in told if note not in overview.notes] == []


def test_what_holds_for_every_metric_is_said_once(write_sweep: WriteSweep) -> None:
    given = variants(seeds=[0])
    given["DAN"] = {0: "out_of_memory"}
    notes = shown(write_sweep, given).notes
    assert sum("out_of_memory" in note for note in notes) == 1
    assert "DAN: 1 of 1 trials failed (out_of_memory)." in notes
    assert any(note.startswith("Supervised (upper bound), SimCVD: one seed only, so") for note in notes)


def test_a_note_on_all_variants_does_not_name_them(write_sweep: WriteSweep) -> None:
    assert any(note.startswith("All variants: one seed only") for note in shown(write_sweep, variants([0])).notes)


def test_metrics_of_one_label_are_told_apart(write_sweep: WriteSweep) -> None:
    rows = [row | {"hd95_mm": row["hd95_vox"]} for row in trial(0, 0)]
    runs = write_sweep({"a": {0: rows}, "ref": {0: rows}}, metric="hd95_vox", also=("hd95_mm",))
    overview = sweep_table(runs, "toy")
    assert any("has lower HD95 [voxel] and HD95 [mm]" in note for note in overview.notes)
    assert "toy: HD95 [voxel] and HD95 [mm] on" in printed(overview, 100)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [60, 80, 100, 170])
@pytest.mark.parametrize("classes", [1, 2])
def test_every_number_is_shown_once_and_whole_at_any_width(write_sweep: WriteSweep, width: int, classes: int) -> None:
    given = variants(classes=classes)
    given["Supervised (upper bound)"][1] = "nan"
    given["DAN"][2] = None
    overview = shown(write_sweep, given)
    lines = printed(overview, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    scale = {"dice": 100, "jaccard": 100, "hd95_vox": 1, "asd_vox": 1}
    blocks = (None,) if classes == 1 else (None, 1, 2)
    for table in overview.tables:
        for row in table.rows:
            if row.class_id in blocks:
                assert row.mean is not None
                assert row.sd is not None
                factor = scale[table.metric.name]
                assert f"{row.mean * factor:.2f}±{row.sd * factor:.2f}" in text
    table_text = text.partition("\n- ")[0]
    ps = table_text.count("p<") + table_text.count("p=") + table_text.count("p>")
    assert ps == (0 if width == 170 else 4 * 2 * len(blocks))  # below the mean, or beside it


def test_p_is_below_its_mean_where_the_terminal_is_narrow_and_beside_it_where_it_is_wide(
    write_sweep: WriteSweep,
) -> None:
    overview = shown(write_sweep)
    narrow, wide = printed(overview, 80), printed(overview, 170)
    found = [table.rows[0].difference for table in overview.tables]
    ps = ["" if each is None or each.p_holm is None else f"{each.p_holm:.3f}" for each in found]
    ps = ["<0.001" if p == "0.000" else p for p in ps]
    place = next(i for i, line in enumerate(narrow) if line.startswith("Supervised"))
    assert narrow[place].count("±") == 4
    below = narrow[place + 1].split("bound)")[-1].split()[:4]
    assert [word.removeprefix("p").removeprefix("=") for word in below] == ps
    line = next(line for line in wide if line.startswith("Supervised")).removeprefix(NAMES[0]).split()
    assert (line[1:12:3], ["±" in word for word in line[0:12:3]]) == (ps, [True] * 4)
    over_seeds = ["" if each is None else shown_p(each.over_seeds_holm) for each in found]
    assert line[2:12:3] == over_seeds
    assert [word.removeprefix("seeds").removeprefix("=") for word in narrow[place + 2].split()] == over_seeds


def test_columns_that_never_vary_become_a_sentence_where_it_is_narrow(write_sweep: WriteSweep) -> None:
    overview = shown(write_sweep, {name: {0: trial(place, 0)} for place, name in enumerate(NAMES)})
    assert "- Every row: n 12, seeds 1/1, failed 0, open 0, empty 0." in "\n".join(printed(overview, 60))
    assert not any("Every row" in line for line in printed(overview, 140))


def test_metrics_go_below_each_other_where_nothing_else_helps(write_sweep: WriteSweep) -> None:
    given = {f"a-method-with-a-long-name-{i}": {0: trial(i, 0)} for i in range(3)}
    runs = write_sweep(given, reference=None, also=ALSO)
    overview = sweep_table(runs, "toy")
    assert isinstance(overview, Overview)
    lines = printed(overview, 60)
    assert max(map(len, lines)) <= 60
    assert sum(line.startswith("variant") for line in lines) == 2
    assert sum(line.startswith("a-method-with-a-long-name-0") for line in lines) == 2


def test_before_anything_finished_the_overview_says_so(write_sweep: WriteSweep) -> None:
    overview = shown(write_sweep, {name: {0: None} for name in NAMES})
    assert "No trial has finished with scores yet." in overview.notes
    assert "| DAN | - | - | - | - | - | - | - | - | 0 | 0/1 | 0 | 1 | 0 |" in render_markdown(overview)
    for width in (60, 140):
        assert any(line.split()[:2] == ["DAN", "-"] for line in printed(overview, width))


def test_overview_and_a_table_for_each_metric_are_written(write_sweep: WriteSweep) -> None:
    runs = made(write_sweep)
    written = write_tables(runs, "toy")
    folder = runs / "sweeps" / "toy" / "tables"
    assert (written.markdown, written.csv) == (folder / "overview.md", folder / "overview.csv")
    assert written.markdown.read_text() == render_markdown(written.table)
    assert written.csv.read_text() == render_csv(written.table)
    stems = ("table", *(f"table-{metric}" for metric in ALSO))
    assert written.others == tuple(folder / f"{stem}{suffix}" for stem in stems for suffix in (".md", ".csv"))
    for stem, metric in zip(stems, METRICS, strict=True):
        assert (folder / f"{stem}.md").read_text() == render_markdown(ablation_table(runs, "toy", metric))


def test_one_metric_or_another_reference_does_not_replace_the_overview(write_sweep: WriteSweep) -> None:
    runs = made(write_sweep)
    assert write_tables(runs, "toy", metric="asd_vox").markdown.name == "table-asd_vox.md"
    written = write_tables(runs, "toy", reference="DAN")
    assert written.markdown.name == "overview-vs-DAN.md"
    assert {file.name for file in written.others if file.suffix == ".md"} == {
        f"table-{metric}-vs-DAN.md" for metric in METRICS
    }
    assert not (runs / "sweeps" / "toy" / "tables" / "overview.md").exists()


def test_an_unknown_further_metric_is_named(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: trial(0, 0)}}, also=("hd95",))
    with pytest.raises(AnalysisError, match=r"no metric 'hd95'; did you mean .*hd95_vox"):
        sweep_table(runs, "toy")

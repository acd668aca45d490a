from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.published import published_of
from analysis.tables import (
    Table,
    ablation_table,
    make_sheet,
    overview,
    render_csv,
    render_markdown,
)
from tests.analysis.made_sweeps import ALSO, METHODS, METRICS, REFERENCE, around, method_trial, printed

WriteSweep = Callable[..., Path]
TableOf = Callable[..., Table]


def with_groups(runs: Path, groups: dict[str, str], **more: Any) -> Path:
    path = runs / "sweeps" / "toy" / "sweep.yaml"
    content = yaml.safe_load(path.read_text()) | more
    for variant in content["variants"]:
        variant["group"] = groups.get(variant["name"])
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return runs


def test_groups_stand_under_headings_and_show_the_reference_each(write_sweep: WriteSweep) -> None:
    given = {name: {0: around(mean)} for name, mean in (("a", 0.5), ("ref", 0.6), ("b", 0.7))}
    runs = with_groups(write_sweep(given), {"a": "parts | losses", "ref": "parts | losses", "b": "pooling"})
    sheet = make_sheet([ablation_table(runs, "toy")])
    sections = sheet.classes[0].sections
    assert [section.heading for section in sections] == ["parts | losses", "pooling"]
    assert [[line.row.variant for line in section.lines] for section in sections] == [["a", "ref"], ["b", "ref"]]
    assert [[line.values[0].rank for line in section.lines] for section in sections] == [[None, "best"], ["best", None]]
    assert "| **parts \\| losses** |" in render_markdown(sheet)
    assert render_csv(sheet).count(",mean,pooling,b,") == 1


def second_sweep(write_sweep: WriteSweep, given: dict[str, Any], reference: str | None) -> Path:
    """Write a sweep beside `toy`, which has to be written afterwards."""
    runs = write_sweep(given, reference=reference)
    (runs / "sweeps" / "toy").rename(runs / "sweeps" / "other")
    return runs


def test_sweeps_are_stacked_each_with_its_own_reference_and_family(write_sweep: WriteSweep) -> None:
    noise = (0.0, 0.01, -0.02, 0.005, 0.012)
    other = {f"p{i}": {0: around(0.5 + 0.004 * i, noise[i:] + noise[:i])} for i in range(4)}
    second_sweep(write_sweep, other, "p3")
    runs = write_sweep({"a": {0: around(0.59, noise)}, "ref": {0: around(0.6)}})
    alone = [ablation_table(runs, name) for name in ("toy", "other")]
    sheet = make_sheet(alone)
    assert [section.heading for section in sheet.classes[0].sections] == ["toy", "other"]
    assert [line.row for line in sheet.lines] == [row for table in alone for row in table.sources[0].main.means]
    notes = dict(sheet.notes)
    assert any("for the 1 comparison." in note for note in notes["toy"])
    assert any("for the 3 comparisons." in note for note in notes["other"])
    assert "own reference" in notes[None][0]
    assert render_csv(sheet).splitlines()[1:] == [
        line for table in alone for line in render_csv(table).splitlines()[1:]
    ]


def test_sweeps_of_one_name_are_told_apart_by_their_heading(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"ref": {0: around(0.6)}}), "toy")
    sheet = make_sheet([table, table], headings=["8 labels", "16 labels"])
    assert [section.heading for section in sheet.classes[0].sections] == ["8 labels", "16 labels"]


def test_sweeps_with_other_classes_share_the_mean_alone(write_sweep: WriteSweep) -> None:
    two = [row | {"class_id": k} for row in around(0.5) for k in (1, 2)]
    second_sweep(write_sweep, {"two": {0: two}}, None)
    runs = write_sweep({"ref": {0: around(0.6)}})
    sheet = make_sheet([ablation_table(runs, "toy"), ablation_table(runs, "other")])
    assert [own.class_name for own in sheet.classes] == [None]
    assert [line.row.variant for line in sheet.lines] == ["ref", "two"]


def test_sweeps_with_and_without_label_splits_stand_in_one_table(write_sweep: WriteSweep) -> None:
    second_sweep(write_sweep, {"drawn": {(0, 4): around(0.5), (0, 7): around(0.6)}}, None)
    runs = write_sweep({"ref": {0: around(0.6)}})
    sheet = make_sheet([ablation_table(runs, "toy"), ablation_table(runs, "other")])
    head, *lines = render_csv(sheet).splitlines()
    at = head.split(",").index("label_splits")
    assert [line.split(",")[at] for line in lines if ",mean," in line] == ["", "2"]
    text = render_markdown(sheet)
    assert "| trials |" in text
    assert "| 1/1 |" in text
    assert "| 2/2 |" in text


def test_sweeps_about_different_metrics_are_refused(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: around(0.6, hd95_mm=2.0)}})
    with pytest.raises(AnalysisError, match=r"different metrics \(of dice and of dice and hd95_mm\).*--metric"):
        make_sheet([ablation_table(runs, "toy"), overview(runs, "toy", metrics=["dice", "hd95_mm"])])


def test_a_published_table_without_a_row_of_ours_says_so(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"ref": {0: around(0.6)}}), "toy")
    sheet = make_sheet([table], published=[published_of("table-iv-dropout", "toy")])
    assert not sheet.has_published
    assert any("No row of Table IV has the name" in note for note in dict(sheet.notes)[None])


def test_each_metric_has_the_rows_of_its_own_table(methods: TableOf, methods_runs: Callable[[int], Path]) -> None:
    (source,) = methods(2).sources
    for alone, metric in zip(source.each(), METRICS, strict=True):
        (expected,) = ablation_table(methods_runs(2), "toy", metric).sources
        assert alone == expected
        assert alone.notes == expected.notes


def test_metrics_of_one_label_are_told_apart(write_sweep: WriteSweep) -> None:
    rows = [row | {"hd95_mm": row["hd95_vox"]} for row in method_trial(0, 0)]
    runs = write_sweep({"a": {0: rows}, "ref": {0: rows}}, metric="hd95_vox", also=("hd95_mm",))
    table = overview(runs, "toy")
    assert any("HD95 [voxel] and HD95 [mm] differ from the reference's" in note for note in table.sources[0].notes)
    assert "toy: HD95 [voxel] and HD95 [mm] on" in printed(table, 100).splitlines()[0]


def test_before_anything_finished_the_overview_says_so(write_sweep: WriteSweep) -> None:
    table = overview(write_sweep({name: {0: None} for name in METHODS}, REFERENCE, also=ALSO), "toy")
    assert "No trial has finished with scores yet." in table.sources[0].notes
    assert "| DAN | - | - | - | - | - | - | - | - | 0 | 0/1 | 0 | 1 | 0 |" in render_markdown(table)
    for width in (60, 140):
        assert any(line.split()[:2] == ["DAN", "-"] for line in printed(table, width).splitlines())


def test_an_unknown_further_metric_is_named(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: method_trial(0, 0)}}, also=("hd95",))
    with pytest.raises(AnalysisError, match=r"no metric 'hd95'; did you mean .*hd95_vox"):
        overview(runs, "toy")

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.published import published_of
from analysis.tables import Sheet, Style, ablation_table, make_sheet, overview, render_csv, render_markdown

WriteSweep = Callable[..., Path]

SPREAD = (-0.04, -0.02, 0.0, 0.01, 0.05)


def rows(mean: float, noise: Sequence[float] = SPREAD, **more: float) -> list[dict[str, Any]]:
    """Five cases around a mean."""
    return [{"case_id": f"c{i}", "dice": mean + x, **more} for i, x in enumerate(noise)]


def with_groups(runs: Path, groups: dict[str, str], **more: Any) -> Path:
    path = runs / "sweeps" / "toy" / "sweep.yaml"
    content = yaml.safe_load(path.read_text()) | more
    for variant in content["variants"]:
        variant["group"] = groups.get(variant["name"])
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return runs


def ranks(sheet: Sheet) -> dict[str, str | None]:
    return {line.row.variant: line.values[0].rank for line in sheet.lines}


def test_best_and_second_are_by_value_and_ties_share(write_sweep: WriteSweep) -> None:
    given = {name: {0: rows(mean)} for name, mean in (("a", 0.8), ("b", 0.8), ("c", 0.7), ("ref", 0.6))}
    assert ranks(make_sheet([ablation_table(write_sweep(given), "toy")])) == {
        "a": "best",
        "b": "best",
        "c": "second",
        "ref": None,
    }


def test_values_that_only_look_alike_do_not_share(write_sweep: WriteSweep) -> None:
    given = {name: {0: rows(mean)} for name, mean in (("a", 0.80001), ("b", 0.80002), ("ref", 0.6))}
    sheet = make_sheet([ablation_table(write_sweep(given), "toy")])
    assert "| a | <ins>80.00" in render_markdown(sheet)
    assert "| b | **80.00" in render_markdown(sheet)


def test_less_is_better_for_a_distance(write_sweep: WriteSweep) -> None:
    given = {name: {0: rows(0.5, hd95_mm=mm)} for name, mm in (("far", 9.0), ("near", 2.0), ("ref", 5.0))}
    found = ranks(make_sheet([ablation_table(write_sweep(given), "toy", "hd95_mm")]))
    assert found == {"far": None, "near": "best", "ref": "second"}


@pytest.mark.parametrize(("names", "expected"), [(("ref",), [None]), (("a", "ref"), [None, "best"])])
def test_one_row_is_not_best_and_of_two_none_is_second(
    write_sweep: WriteSweep, names: Sequence[str], expected: list[str | None]
) -> None:
    given = {name: {0: rows(0.5 + 0.1 * place)} for place, name in enumerate(names)}
    assert list(ranks(make_sheet([ablation_table(write_sweep(given), "toy")])).values()) == expected


def test_a_variant_without_values_is_not_ranked(write_sweep: WriteSweep) -> None:
    given: dict[str, Any] = {"a": {0: "nan"}, "b": {0: rows(0.5)}, "ref": {0: rows(0.6)}}
    sheet = make_sheet([ablation_table(write_sweep(given), "toy")])
    assert ranks(sheet) == {"a": None, "b": None, "ref": "best"}


def test_rows_trained_on_more_labels_compete_among_themselves(
    write_sweep: WriteSweep, make_trial: Callable[..., dict[str, Any]]
) -> None:
    from analysis.runs.records import write_trial

    runs = write_sweep({"upper": {0: rows(0.9)}, "a": {0: rows(0.7)}, "ref": {0: rows(0.8)}})
    for name, labeled in (("upper", 80), ("a", 8), ("ref", 8)):
        write_trial(runs, make_trial(f"{name}-s0", method="supervised") | {"setting.data.labeled": labeled})
    sheet = make_sheet([ablation_table(runs, "toy")])
    assert ranks(sheet) == {"upper": None, "a": None, "ref": "best"}
    text = render_markdown(sheet)
    assert "| upper | 80 | 0 | 90.00" in text
    assert "with as many labelled cases" in text


def test_equal_numbers_of_training_cases_are_not_shown(write_sweep: WriteSweep) -> None:
    assert "labelled" not in render_markdown(ablation_table(write_sweep({"ref": {0: rows(0.5)}}), "toy"))


def test_groups_stand_under_headings_and_show_the_reference_each(write_sweep: WriteSweep) -> None:
    given = {name: {0: rows(mean)} for name, mean in (("a", 0.5), ("ref", 0.6), ("b", 0.7))}
    runs = with_groups(write_sweep(given), {"a": "parts | losses", "ref": "parts | losses", "b": "pooling"})
    sheet = make_sheet([ablation_table(runs, "toy")])
    sections = sheet.blocks[0].sections
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
    other = {f"p{i}": {0: rows(0.5 + 0.004 * i, noise[i:] + noise[:i])} for i in range(4)}
    second_sweep(write_sweep, other, "p3")
    runs = write_sweep({"a": {0: rows(0.59, noise)}, "ref": {0: rows(0.6)}})
    alone = [ablation_table(runs, name) for name in ("toy", "other")]
    sheet = make_sheet(alone)
    assert [section.heading for section in sheet.blocks[0].sections] == ["toy", "other"]
    assert [line.row for line in sheet.lines] == [row for table in alone for row in table.blocks()[0]]
    notes = dict(sheet.notes)
    assert any("for the 1 comparison." in note for note in notes["toy"])
    assert any("for the 3 comparisons." in note for note in notes["other"])
    assert "own reference" in notes[None][0]
    assert render_csv(sheet).splitlines()[1:] == [
        line for table in alone for line in render_csv(table).splitlines()[1:]
    ]


def test_sweeps_of_one_name_are_told_apart_by_their_heading(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"ref": {0: rows(0.6)}}), "toy")
    sheet = make_sheet([table, table], headings=["8 labels", "16 labels"])
    assert [section.heading for section in sheet.blocks[0].sections] == ["8 labels", "16 labels"]


def test_sweeps_with_other_classes_share_the_mean_alone(write_sweep: WriteSweep) -> None:
    two = [row | {"class_id": k} for row in rows(0.5) for k in (1, 2)]
    second_sweep(write_sweep, {"two": {0: two}}, None)
    runs = write_sweep({"ref": {0: rows(0.6)}})
    sheet = make_sheet([ablation_table(runs, "toy"), ablation_table(runs, "other")])
    assert [block.class_name for block in sheet.blocks] == [None]
    assert [line.row.variant for line in sheet.lines] == ["ref", "two"]


def test_sweeps_about_different_metrics_are_refused(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: rows(0.6, hd95_mm=2.0)}})
    with pytest.raises(AnalysisError, match=r"different metrics \(of dice and of dice and hd95_mm\).*--metric"):
        make_sheet([ablation_table(runs, "toy"), overview(runs, "toy", metrics=["dice", "hd95_mm"])])


def test_stars_are_of_the_test_over_seeds_where_there_is_one(write_sweep: WriteSweep) -> None:
    noise = (0.0, 0.001, -0.001, 0.0005, -0.0002)
    one = {"a": {0: rows(0.5, noise)}, "ref": {0: rows(0.6, SPREAD)}}
    sheet = make_sheet([ablation_table(write_sweep(one), "toy")], Style(significance="stars"))
    first = sheet.lines[0].values[0]
    assert first.p is not None
    assert (first.p < 0.01, first.stars) == (True, "**")
    assert (sheet.lines[1].values[0].stars, sheet.over_seeds) == ("", False)

    # The other seed undoes it: the difference of the seeds' means is as large as that of the variants.
    two = {"a": {0: rows(0.5, noise), 1: rows(0.62, noise)}, "ref": {0: rows(0.6), 1: rows(0.6)}}
    sheet = make_sheet([ablation_table(write_sweep(two), "toy")], Style(significance="stars"))
    first = sheet.lines[0].values[0]
    assert first.p_over_seeds is not None
    assert (first.p_over_seeds > 0.05, first.stars, sheet.over_seeds) == (True, "", True)
    assert "p over seeds and cases < 0.05" in render_markdown(sheet)


def test_an_interval_can_stand_beside_the_mean(write_sweep: WriteSweep) -> None:
    """Values 0.56, 0.58, 0.60, 0.61, 0.65: sd 0.033912, and 2.776445 * sd / sqrt(5) = 0.042107."""
    text = render_markdown(
        make_sheet([ablation_table(write_sweep({"ref": {0: rows(0.6)}}), "toy")], Style(spread="ci"))
    )
    assert "| ref | 60.00 ± 4.21 |" in text
    assert "- Mean and half of its 95 % t interval over n test cases" in text
    assert "mean ± CI" in text


def test_published_values_stand_beside_ours_with_doubtful_ones_marked(write_sweep: WriteSweep) -> None:
    given = {name: {0: rows(0.6)} for name in ("SASSNet", "Chaitanya et al.", "mine", "SimCVD")}
    table = ablation_table(write_sweep(given, reference="SimCVD"), "toy")
    sheet = make_sheet([table], published=[published_of("table-i-ii-methods", "la", block="la-16")])
    text = render_markdown(sheet)
    assert "| SASSNet | 60.00 ± 3.39 | 89.27\N{DAGGER} |" in text
    assert "| Chaitanya et al. | 60.00 ± 3.39 | 89.94 |" in text
    assert "| mine | 60.00 ± 3.39 | - |" in text
    assert "Table I (la-16) of You et al." in text
    assert "can't be tested against them" in text
    assert "\N{DAGGER}: digits" in text
    lines = render_csv(sheet).splitlines()
    assert lines[0].endswith("published,published_doubtful,published_p,published_variant,published_table")
    assert lines[1].endswith(",0.8927,true,,SASSNet,I")


def test_published_p_of_the_ablation_of_losses_is_shown(write_sweep: WriteSweep) -> None:
    given = {name: {0: rows(0.6)} for name in ("w/o contrast loss", "SimCVD")}
    table = ablation_table(write_sweep(given, reference="SimCVD"), "toy")
    sheet = make_sheet([table], published=[published_of("table-iii-losses", "toy")])
    assert "| w/o contrast loss | 60.00 ± 3.39 | 85.13 | 2.9e-08 |" in render_markdown(sheet)


def test_a_published_table_without_a_row_of_ours_says_so(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"ref": {0: rows(0.6)}}), "toy")
    sheet = make_sheet([table], published=[published_of("table-iv-dropout", "toy")])
    assert not sheet.has_published
    assert any("No row of Table IV has the name" in note for note in dict(sheet.notes)[None])

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.tables import Style, Table, ablation_table, make_sheet, render_markdown
from tests.analysis.made_sweeps import SPREAD, around

WriteSweep = Callable[..., Path]


def ranks(sheet: Table) -> dict[str, str | None]:
    return {line.row.variant: line.values[0].rank for line in sheet.lines}


def test_best_and_second_are_by_value_and_ties_share(write_sweep: WriteSweep) -> None:
    given = {name: {0: around(mean)} for name, mean in (("a", 0.8), ("b", 0.8), ("c", 0.7), ("ref", 0.6))}
    assert ranks(make_sheet([ablation_table(write_sweep(given), "toy")])) == {
        "a": "best",
        "b": "best",
        "c": "second",
        "ref": None,
    }


def test_values_that_only_look_alike_do_not_share(write_sweep: WriteSweep) -> None:
    given = {name: {0: around(mean)} for name, mean in (("a", 0.80001), ("b", 0.80002), ("ref", 0.6))}
    sheet = make_sheet([ablation_table(write_sweep(given), "toy")])
    assert "| a | <ins>80.00" in render_markdown(sheet)
    assert "| b | **80.00" in render_markdown(sheet)


def test_less_is_better_for_a_distance(write_sweep: WriteSweep) -> None:
    given = {name: {0: around(0.5, hd95_mm=mm)} for name, mm in (("far", 9.0), ("near", 2.0), ("ref", 5.0))}
    found = ranks(make_sheet([ablation_table(write_sweep(given), "toy", "hd95_mm")]))
    assert found == {"far": None, "near": "best", "ref": "second"}


@pytest.mark.parametrize(("names", "expected"), [(("ref",), [None]), (("a", "ref"), [None, "best"])])
def test_one_row_is_not_best_and_of_two_none_is_second(
    write_sweep: WriteSweep, names: Sequence[str], expected: list[str | None]
) -> None:
    given = {name: {0: around(0.5 + 0.1 * place)} for place, name in enumerate(names)}
    assert list(ranks(make_sheet([ablation_table(write_sweep(given), "toy")])).values()) == expected


def test_a_variant_without_values_is_not_ranked(write_sweep: WriteSweep) -> None:
    given: dict[str, Any] = {"a": {0: "nan"}, "b": {0: around(0.5)}, "ref": {0: around(0.6)}}
    sheet = make_sheet([ablation_table(write_sweep(given), "toy")])
    assert ranks(sheet) == {"a": None, "b": None, "ref": "best"}


def test_rows_trained_on_more_labels_compete_among_themselves(
    write_sweep: WriteSweep, make_trial: Callable[..., dict[str, Any]]
) -> None:
    from analysis.runs.records import write_trial

    runs = write_sweep({"upper": {0: around(0.9)}, "a": {0: around(0.7)}, "ref": {0: around(0.8)}})
    for name, labeled in (("upper", 80), ("a", 8), ("ref", 8)):
        write_trial(runs, make_trial(f"{name}-s0", method="supervised") | {"setting.data.labeled": labeled})
    sheet = make_sheet([ablation_table(runs, "toy")])
    assert ranks(sheet) == {"upper": None, "a": None, "ref": "best"}
    text = render_markdown(sheet)
    assert "| upper | 80 | 0 | 90.00" in text
    assert "with as many labelled cases" in text


def test_stars_are_of_the_test_over_seeds_where_there_is_one(write_sweep: WriteSweep) -> None:
    noise = (0.0, 0.001, -0.001, 0.0005, -0.0002)
    one = {"a": {0: around(0.5, noise)}, "ref": {0: around(0.6, SPREAD)}}
    sheet = make_sheet([ablation_table(write_sweep(one), "toy")], Style(significance="stars"))
    first = sheet.lines[0].values[0]
    assert first.p is not None
    assert (first.p < 0.01, first.stars) == (True, "**")
    assert (sheet.lines[1].values[0].stars, sheet.over_seeds) == ("", False)

    # The other seed undoes it: the difference of the seeds' means is as large as that of the variants.
    two = {"a": {0: around(0.5, noise), 1: around(0.62, noise)}, "ref": {0: around(0.6), 1: around(0.6)}}
    sheet = make_sheet([ablation_table(write_sweep(two), "toy")], Style(significance="stars"))
    first = sheet.lines[0].values[0]
    assert first.p_over_seeds is not None
    assert (first.p_over_seeds > 0.05, first.stars, sheet.over_seeds) == (True, "", True)
    assert "p over seeds and cases < 0.05" in render_markdown(sheet)

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.tables import ablation_table, overview
from analysis.tables.layout import choose_plan, common_key

WriteSweep = Callable[..., Path]


def rows(dice: float) -> list[dict[str, Any]]:
    return [{"case_id": f"c{i}", "dice": dice + 0.01 * i, "hd95_mm": 3.0 + dice * i} for i in range(5)]


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (["dropout=0.1", "dropout=0.2"], "dropout="),
        (["dropout=0.1", "pool=2"], ""),
        (["dropout=0.1"], ""),
        (["dropout=0.1, pool=2", "dropout=0.2, pool=2"], ""),
    ],
)
def test_a_key_is_common_where_all_names_are_values_of_it_alone(names: list[str], key: str) -> None:
    assert common_key(names) == key


def test_a_wide_terminal_shows_every_column_of_one_metric(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"a": {0: rows(0.5)}, "ref": {0: rows(0.6)}}), "toy")
    plan, name_width = choose_plan(table, 120)
    assert [column.head for column in plan.grids[0]] == [
        *("mean", "SD", "diff", "p", "n", "seeds", "failed", "unfinished", "empty")
    ]
    assert name_width is None


def test_a_narrow_one_drops_columns_of_zeros_and_joins_mean_and_sd(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"p=1": {0: rows(0.5)}, "p=2": {0: rows(0.6)}}, reference="p=1"), "toy")
    plan, _ = choose_plan(table, 60)
    assert [column.head for column in plan.grids[0]] == ["mean±SD", "diff", "p", "n", "seeds"]
    assert (plan.heading, plan.names) == ("p=", ("1", "2"))


def test_p_of_several_metrics_goes_below_its_mean_and_then_columns_into_a_sentence(write_sweep: WriteSweep) -> None:
    given = {name: {0: rows(0.1 * place)} for place, name in enumerate(("ref", "a rather long name of a variant"))}
    table = overview(write_sweep(given, also=("hd95_mm",)), "toy")
    wide, narrow = choose_plan(table, 140)[0], choose_plan(table, 50)[0]
    assert [column.head for column in wide.grids[0]][:4] == ["Dice\n[%]", "p", "HD95\n[mm]", "p"]
    assert [column.head for column in narrow.grids[0]] == ["Dice\n[%]", "HD95\n[mm]"]
    assert dict(narrow.said) == {"n": "5", "seeds": "1/1", "failed": "0", "open": "0", "empty": "0"}

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.comparison.metric import shown, shown_p
from analysis.tables import Style, Table, overview
from tests.analysis.made_sweeps import ALSO, METHODS, ODD_METRICS, REFERENCE, method_trial, printed

WriteSweep = Callable[..., Path]
TableOf = Callable[..., Table]


@pytest.mark.parametrize("width", [60, 72, 100])
def test_every_number_of_a_row_stays_on_one_line(dropout: Table, width: int) -> None:
    lines = printed(dropout, width).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for row in dropout.rows[:7]:
        assert row.mean is not None
        assert row.sd is not None
        number = f"{100 * row.mean:.2f}"
        line = next(line for line in lines if number in line)
        assert f"{100 * row.sd:.2f}" in line
        assert f"{len(row.trials.replicates)}/2" in line
        if row.difference is not None and (difference := row.difference.test.difference) is not None:
            assert f"{100 * difference:+.2f}" in line
    assert "…" not in text
    assert "failed" in text


def test_a_key_that_all_variants_share_becomes_the_heading_when_narrow(dropout: Table) -> None:
    lines = printed(dropout, 60).splitlines()
    assert any(line.startswith("dropout= ") for line in lines)
    assert any(line.startswith("0.05 ") for line in lines)


def test_columns_that_hold_only_zeros_are_hidden_when_narrow(dropout: Table) -> None:
    assert not any(line.endswith(" empty") for line in printed(dropout, 60).splitlines())
    assert any(line.endswith(" empty") for line in printed(dropout, 100).splitlines())


@pytest.mark.parametrize("width", [60, 80, 100, 170])
@pytest.mark.parametrize("significance", ["p", "stars"])
@pytest.mark.parametrize("metrics", [ODD_METRICS, ("dice",)])
def test_the_terminal_shows_every_mean_and_p_whole(
    odd: TableOf, width: int, significance: Any, metrics: tuple[str, ...]
) -> None:
    of = odd(classes=2, metrics=metrics, style=Style(significance=significance))
    text = printed(of, width)
    assert max(map(len, text.splitlines())) <= width
    words = re.split(r"[\s±]|seeds=?|p=?(?=[\d<>])", text)
    for line in of.lines:
        for value in line.values:
            mean = shown(value.row.mean, value.metric)
            assert {mean, mean + value.stars} & set(words)
            assert value.stars in text
            if significance == "p" and value.row.difference is not None:
                assert shown_p(value.p) in words
                assert shown_p(value.p_over_seeds) in words


def test_the_terminal_highlights_best_and_second(odd: TableOf) -> None:
    of = odd(metrics=("dice",))
    text = printed(of, 100, "standard")
    by_rank = {line.values[0].rank: line for line in of.lines}
    best, second = (shown(by_rank[rank].row.mean, of.metrics[0]) for rank in ("best", "second"))  # type: ignore[index]
    assert re.search(rf"\x1b\[1m *{best}", text)
    assert re.search(rf"\x1b\[4m *{second}", text)


@pytest.mark.parametrize("width", [60, 80, 100, 170])
@pytest.mark.parametrize("classes", [1, 2])
def test_every_number_is_shown_once_and_whole_at_any_width(lossy: TableOf, width: int, classes: int) -> None:
    table = lossy(classes)
    lines = printed(table, width).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    scale = {"dice": 100, "jaccard": 100, "hd95_vox": 1, "asd_vox": 1}
    blocks = (None,) if classes == 1 else (None, 1, 2)
    for alone in table.sources[0].each():
        for row in alone.rows:
            if row.class_id in blocks:
                assert row.mean is not None
                assert row.sd is not None
                factor = scale[alone.main.metric.name]
                assert f"{row.mean * factor:.2f}±{row.sd * factor:.2f}" in text
    table_text = text.partition("\n- ")[0]
    ps = table_text.count("p<") + table_text.count("p=") + table_text.count("p>")
    assert ps == (0 if width == 170 else 4 * 2 * len(blocks))  # below the mean, or beside it


def test_p_is_below_its_mean_where_the_terminal_is_narrow_and_beside_it_where_it_is_wide(
    methods: TableOf,
) -> None:
    table = methods()
    narrow, wide = printed(table, 80).splitlines(), printed(table, 170).splitlines()
    found = [alone.rows[0].difference for alone in table.sources[0].each()]
    ps = ["" if each is None or each.p_holm is None else f"{each.p_holm:.3f}" for each in found]
    ps = ["<0.001" if p == "0.000" else p for p in ps]
    place = next(i for i, line in enumerate(narrow) if line.startswith("Supervised"))
    assert narrow[place].count("±") == 4
    below = narrow[place + 1].split("bound)")[-1].split()[:4]
    assert [word.removeprefix("p").removeprefix("=") for word in below] == ps
    line = next(line for line in wide if line.startswith("Supervised")).removeprefix(METHODS[0]).split()
    assert (line[1:12:3], ["±" in word for word in line[0:12:3]]) == (ps, [True] * 4)
    over_seeds = ["" if each is None else shown_p(each.over_seeds_holm) for each in found]
    assert line[2:12:3] == over_seeds
    assert [word.removeprefix("seeds").removeprefix("=") for word in narrow[place + 2].split()] == over_seeds


def test_columns_that_never_vary_become_a_sentence_where_it_is_narrow(write_sweep: WriteSweep) -> None:
    table = overview(
        write_sweep({name: {0: method_trial(place, 0)} for place, name in enumerate(METHODS)}, REFERENCE, also=ALSO),
        "toy",
    )
    assert "- Every row: n 12, seeds 1/1, failed 0, open 0, empty 0." in "\n".join(printed(table, 60).splitlines())
    assert not any("Every row" in line for line in printed(table, 140).splitlines())


def test_metrics_go_below_each_other_where_nothing_else_helps(write_sweep: WriteSweep) -> None:
    given = {f"a-method-with-a-long-name-{i}": {0: method_trial(i, 0)} for i in range(3)}
    runs = write_sweep(given, reference=None, also=ALSO)
    table = overview(runs, "toy")
    lines = printed(table, 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(line.startswith("variant") for line in lines) == 2
    assert sum(line.startswith("a-method-with-a-long-name-0") for line in lines) == 2

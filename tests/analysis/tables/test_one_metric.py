import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from analysis.tables import Table, ablation_table, render_csv, render_markdown, render_terminal, write_tables

WriteSweep = Callable[..., Path]

RATES = ["0.0", "0.01", "0.02", "0.05", "0.2", "0.5"]


def trial(shift: float, seed: int) -> list[dict[str, object]]:
    """Ten cases that lie `shift` times 1 to 1.9 below the reference, at every seed."""
    return [
        {
            "case_id": f"c{i}",
            "dice": 0.9 - 0.01 * i - shift * (1 + 0.1 * i) + 0.001 * seed,
            "hd95_mm": 5 + i + 100 * shift,
        }
        for i in range(10)
    ]


@pytest.fixture
def runs(write_sweep: WriteSweep) -> Path:
    variants: dict[str, dict[int, object]] = {
        f"projection.dropout={rate}": {seed: trial(0.01 * i + 0.01, seed) for seed in (0, 1)}
        for i, rate in enumerate(RATES)
    }
    variants["projection.dropout=0.1"] = {seed: trial(0, seed) for seed in (0, 1)}
    variants["projection.dropout=0.5"][1] = "out_of_memory"
    variants["projection.dropout=0.2"][1] = None
    return write_sweep(variants, reference="projection.dropout=0.1")


@pytest.fixture
def table(runs: Path) -> Table:
    return ablation_table(runs, "toy")


def printed(table: Table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(render_terminal(table, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_markdown_shows_percent_with_two_decimals(table: Table) -> None:
    lines = render_markdown(table).splitlines()
    assert lines[0] == "# toy: Dice [%] on test cases of toy, reference projection.dropout=0.1"
    assert lines[2] == (
        "| variant | mean ± SD | difference | 95 % CI | g | p | p over seeds "
        "| n | seeds | failed | unfinished | empty |"
    )
    # Mean 0.9 - 0.045 - 0.01 * 1.45 + 0.0005 = 0.841; sd (0.01 + 0.001) * sd(0..9); difference -0.01 * 1.45, its sd
    # 0.001 * 3.0277, so the interval is +-2.2622 * 0.0030277 / sqrt(10) and g -1.45 / 0.30277 * 0.9143.
    assert lines[4] == (
        "| projection.dropout=0.0 | <ins>84.10 ± 3.33</ins> | -1.45 | -1.67 to -1.23 | -4.38 | <0.001 | <0.001 "
        "| 10 | 2/2 | 0 | 0 | 0 |"
    )
    assert lines[9].endswith("| 1/2 | 1 | 0 | 0 |")
    assert lines[10] == (
        "| projection.dropout=0.1 | **85.55 ± 3.03** | ref | - | - | ref | ref | 10 | 2/2 | 0 | 0 | 0 |"
    )
    assert any("1 of 2 trials failed (out_of_memory)" in line for line in lines[11:])


def test_markdown_keeps_its_columns_when_a_name_has_a_bar(write_sweep: WriteSweep) -> None:
    text = render_markdown(ablation_table(write_sweep({"a|b": {0: trial(0, 0)}}, reference=None), "toy"))
    assert "| a\\|b | 85.50 ± 3.03 |" in text


def test_csv_has_full_precision_and_stored_units(table: Table) -> None:
    lines = list(csv.DictReader(io.StringIO(render_csv(table))))
    assert len(lines) == 2 * 7  # the mean and the one class
    for row, line in zip(table.rows, lines, strict=True):
        assert float(line["mean"]) == row.mean
        assert float(line["sd"]) == row.sd
        assert line["p"] == ("" if row.difference is None else repr(row.difference.test.p))
        assert line["difference"] == ("" if row.difference is None else repr(row.difference.test.difference))
        assert int(line["n"]) == 10
    assert {line["variant"]: (line["failed"], line["unfinished"]) for line in lines}["projection.dropout=0.2"] == (
        "0",
        "1",
    )


@pytest.mark.parametrize("width", [60, 72, 100])
def test_every_number_of_a_row_stays_on_one_line(table: Table, width: int) -> None:
    lines = printed(table, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for row in table.rows[:7]:
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


def test_a_key_that_all_variants_share_becomes_the_heading_when_narrow(table: Table) -> None:
    lines = printed(table, 60)
    assert any(line.startswith("dropout= ") for line in lines)
    assert any(line.startswith("0.05 ") for line in lines)


def test_columns_that_hold_only_zeros_are_hidden_when_narrow(table: Table) -> None:
    assert not any(line.endswith(" empty") for line in printed(table, 60))
    assert any(line.endswith(" empty") for line in printed(table, 100))


def test_classes_are_sections(write_sweep: WriteSweep) -> None:
    rows = [row | {"class_id": k} for row in trial(0, 0) for k in (1, 2)]
    table = ablation_table(write_sweep({"ref": {0: rows}}), "toy")
    assert [line for line in render_markdown(table).splitlines() if line.startswith("##")] == [
        "## mean",
        "## class 1",
        "## class 2",
    ]
    assert {"mean", "class 1", "class 2"} <= set(printed(table, 60))


def test_a_difference_that_rounds_to_nothing_has_no_minus(write_sweep: WriteSweep) -> None:
    text = render_markdown(ablation_table(write_sweep({"a": {0: trial(1e-6, 0)}, "ref": {0: trial(0, 0)}}), "toy"))
    assert "| +0.00 |" in text


def test_missing_values_are_dashes_and_empty_fields(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"a": {0: None}, "ref": {0: trial(0, 0)}}), "toy")
    assert "| a | - | - | - | - | - | 0 | 0/1 | 0 | 1 | 0 |" in render_markdown(table)
    assert next(csv.DictReader(io.StringIO(render_csv(table))))["mean"] == ""
    assert any(line.split()[:2] == ["a", "-"] for line in printed(table, 60))


def test_tables_are_written_into_the_sweeps_folder(runs: Path) -> None:
    written = write_tables(runs, "toy")
    folder = runs / "sweeps" / "toy" / "tables"
    assert (written.markdown, written.csv) == (folder / "table.md", folder / "table.csv")
    assert written.markdown.read_text() == render_markdown(written.table)
    assert written.csv.read_text() == render_csv(written.table)


def test_another_metric_or_reference_does_not_replace_the_table(runs: Path) -> None:
    names = [
        write_tables(runs, "toy").markdown.name,
        write_tables(runs, "toy", metric="hd95_mm").markdown.name,
        write_tables(runs, "toy", reference="projection.dropout=0.0").markdown.name,
    ]
    assert names == ["table.md", "table-hd95_mm.md", "table-dice-vs-projection.dropout=0.0.md"]

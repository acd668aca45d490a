import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

from analysis.optimism.of_sweep import SweepOptimism, optimism_of_sweep
from analysis.optimism.show import render_csv, render_markdown, render_terminal
from analysis.runs.records import write_cases
from tests.analysis.made_runs import case_row, write_toy_sweep
from tests.analysis.optimism.made_logs import scored_on, write_log, write_sweep_with_logs


@pytest.fixture
def found(tmp_path: Path) -> SweepOptimism:
    return optimism_of_sweep(write_sweep_with_logs(tmp_path), "toy")


def printed(found: SweepOptimism, width: int) -> list[str]:
    out = io.StringIO()
    Console(width=width, file=out).print(render_terminal(found, width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_terminal_shows_every_number_in_a_line(found: SweepOptimism) -> None:
    lines = printed(found, 80)
    assert "ref     81.00 61.00  64.00  +3.00 +0.00 to +6.00      4     3    2/2" in lines
    assert "new     71.00 51.00  55.00  +4.00 +4.00 to +4.00      2     3    1/2" in lines


def test_a_narrow_terminal_says_below_what_all_rows_say(found: SweepOptimism) -> None:
    lines = printed(found, 64)
    assert "ref     81.00 61.00  64.00  +3.00 +0.00 to +6.00      4    2/2" in lines
    assert "- Every row: val cases 3." in lines


def test_a_terminal_of_60_columns_cuts_no_number(found: SweepOptimism) -> None:
    lines = printed(found, 60)
    assert max(map(len, lines)) <= 60
    place = lines.index("ref     81.00 61.00  64.00  +3.00    +0.00      4    2/2")
    assert lines[place + 1].strip() == "to +6.00"


def test_values_of_one_setting_share_its_name_where_there_is_no_room(tmp_path: Path) -> None:
    names = ("projection.dropout=0.1", "projection.dropout=0.25")
    write_toy_sweep(tmp_path, {name: {0: []} for name in names}, reference=names[0])
    for name in names:
        write_cases(tmp_path, f"{name}-s0", scored_on(f"{name}-s0", 0, 0.8))
        write_log(tmp_path, f"{name}-s0", {20: 0.7, 40: 0.6})
    found = optimism_of_sweep(tmp_path, "toy")
    lines = printed(found, 60)
    assert any(line.startswith("dropout=") for line in lines)
    assert any(line.startswith("0.25 ") and "+10.00 to +10.00" in line for line in lines)
    assert any(line.startswith("projection.dropout=0.25 ") for line in printed(found, 120))


def test_it_is_marked_as_not_our_result_in_every_shown_form(found: SweepOptimism) -> None:
    for text in (" ".join(printed(found, 60)), render_markdown(found)):
        assert "not our result" in text
        assert "2 test cases, with the weights after the last step" in text
        assert "more checkpoints and fewer cases give more" in text
        assert "luck of choosing on these cases and what the network really lost" in text
        assert "Left out of all columns but ours, since scored on val cases only once: new, seed 1." in text


def test_markdown_names_the_columns_in_full(found: SweepOptimism) -> None:
    lines = render_markdown(found).splitlines()
    assert lines[0] == "# toy: Dice [%] after the last step, and as reported with the best checkpoint"
    assert (
        "| variant | ours: test Dice of the last iterate [%] | val Dice after the last step [%] | "
        "val Dice of the best checkpoint, as reported there [%] | optimism [points] | least to most over trials | "
        "checkpoints | val cases | trials |"
    ) in lines
    assert "| ref | 81.00 | 61.00 | 64.00 | +3.00 | +0.00 to +6.00 | 4 | 3 | 2/2 |" in lines


def test_csv_has_stored_units_in_full_precision(found: SweepOptimism) -> None:
    ref, new = csv.DictReader(io.StringIO(render_csv(found)))
    assert float(ref["dice_last_iterate"]) == pytest.approx(0.81)
    assert float(ref["optimism"]) == pytest.approx(0.03)
    assert float(ref["optimism_most"]) == pytest.approx(0.06)
    assert (ref["split"], ref["n"], ref["checkpoints_fewest"], ref["val_cases_most"]) == ("test", "2", "4", "3")
    assert (new["trials_measured"], new["trials"]) == ("1", "2")


def test_a_variant_that_was_not_measured_keeps_its_result(tmp_path: Path) -> None:
    write_toy_sweep(tmp_path, {name: {0: []} for name in ("ref", "=odd")})
    for name in ("ref", "=odd"):
        write_cases(tmp_path, f"{name}-s0", scored_on(f"{name}-s0", 0, 0.8))
    write_log(tmp_path, "ref-s0", {20: 0.7, 40: 0.6})
    write_log(tmp_path, "=odd-s0", {40: 0.6})
    found = optimism_of_sweep(tmp_path, "toy")
    assert "| =odd | 80.00 | - | - | - | - | - | - | 0/1 |" in render_markdown(found)
    _, odd = csv.DictReader(io.StringIO(render_csv(found)))
    assert (odd["variant"], odd["optimism"], odd["checkpoints_most"]) == ("'=odd", "", "")


def test_without_test_cases_ours_are_of_val_cases(tmp_path: Path) -> None:
    write_toy_sweep(tmp_path, {"ref": {0: []}})
    write_cases(tmp_path, "ref-s0", [case_row("ref-s0", case, split="val", dice=0.6) for case in ("a", "b")])
    write_log(tmp_path, "ref-s0", {20: 0.7, 40: 0.6})
    text = render_markdown(optimism_of_sweep(tmp_path, "toy"))
    assert "| ours: val Dice of the last iterate [%] |" in text
    assert "No finished trial has test scores, so ours are of val cases." in text


def test_a_sweep_in_which_nothing_was_learned_says_so_first(tmp_path: Path) -> None:
    write_toy_sweep(tmp_path, {"ref": {0: []}})
    write_cases(tmp_path, "ref-s0", [case_row("ref-s0", f"c{i}", dice=0.0, empty_prediction=True) for i in range(6)])
    write_log(tmp_path, "ref-s0", {20: 0.01, 40: 0.0})
    found = optimism_of_sweep(tmp_path, "toy")
    assert found.scored.stop is not None
    assert printed(found, 80)[0].startswith("STOP")
    assert "**STOP" in render_markdown(found)

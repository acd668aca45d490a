import io
import re

import pytest
from rich.console import Console

from sweeps.show.trial_table import render, shortened
from sweeps.status.sweep import Planned, SweepState, TrialRow
from sweeps.status.trial import TrialState


def _rows(*trials: TrialState, seeds: int = 10**6) -> tuple[TrialRow, ...]:
    return tuple(TrialRow(Planned(t.id, f"projection.dropout={i}", i % seeds), t) for i, t in enumerate(trials))


def _drawn(state: SweepState, width: int, height: int | None = None) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(render(state, width, height))
    return out.getvalue().splitlines()


RUNNING = TrialState("b", "running", 1500, 6000, steps_per_second=1.25, eta_seconds=3600, dice=0.5, dice_split="val")
FINISHED = TrialState("a", "finished", 6000, 6000, steps_per_second=1.3, dice=0.75, dice_split="test", val_dice=0.625)
FAILED = TrialState("d", "failed", 3, 6000, failure_kind="nan", failure_message="The loss is nan. " * 20)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_shows_rate_eta_and_scores_at_every_width(width: int) -> None:
    rows = _rows(FINISHED, RUNNING, TrialState("c", "interrupted", 10, 6000), FAILED, seeds=3)
    lines = _drawn(SweepState("mine", rows), width, 24)
    assert max(map(len, lines)) <= width
    line = next(line for line in lines if "running" in line)
    assert re.search(r"out=1 +1 +running +1500/6000 +1\.25 +(1h00|1 h 00 min) +50\.0 val$", line)
    text = "\n".join(lines)
    assert "75.0 test" in text
    assert "interrupted" in text
    assert "Best of 1 finished: projection.dropout=0 seed 0, val Dice 62.5 %" in " ".join(text.split())
    assert "1 failed, not a number: The loss is nan." in text


def test_names_of_variants_are_told_apart_where_they_are_cut() -> None:
    names = [shortened(f"projection.dropout={p}", 10) for p in ("0.01", "0.02", "0.05")]
    assert len(set(names)) == 3
    assert {len(name) for name in names} == {10}
    assert shortened("dropout", 10) == "dropout"


def test_rates_give_way_only_where_nothing_else_can() -> None:
    long = TrialState("b", "interrupted", 123456, 123456, steps_per_second=1.25, dice=0.5, dice_split="val")
    lines = _drawn(SweepState("mine", _rows(long, RUNNING)), 50)
    assert max(map(len, lines)) <= 50
    assert "step/s" not in lines[0]
    assert "123456/123456" in lines[1]


def test_label_splits_have_a_column_where_a_sweep_has_them() -> None:
    row = TrialRow(Planned("a", "A", 0, label_split=7), RUNNING)
    assert re.search(r"A +0 +7 +running", "\n".join(_drawn(SweepState("mine", (row,)), 80)))
    assert row.planned.name == "A seed 0 label split 7"
    assert "labels" not in _drawn(SweepState("mine", _rows(RUNNING)), 80)[0]


@pytest.mark.parametrize("height", [15, 24, 50])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_thousand_trials_fit_the_terminal_and_the_rest_is_counted(width: int, height: int) -> None:
    trials = [TrialState(f"f{i}", "finished") for i in range(300)] + [RUNNING] * 8 + [FAILED] * 2
    trials += [TrialState(f"w{i}", "waiting") for i in range(690)]
    lines = _drawn(SweepState("mine", _rows(*trials)), width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    shown = [line for line in lines if "/6000" in line]
    assert any("running" in line for line in shown)
    counted = next(line for line in lines if line.startswith("and "))
    hidden = sum(map(int, re.findall(r"\d+", counted)))
    table = lines[1 : lines.index(counted)]
    assert hidden + len(table) == 1000
    assert "300 of 1000 finished" in "\n".join(lines)


def test_a_table_higher_than_the_terminal_keeps_the_order_of_the_sweep() -> None:
    trials = [TrialState(f"f{i}", "finished") for i in range(30)] + [TrialState("r", "running")]
    lines = _drawn(SweepState("mine", _rows(*trials)), 80, 15)
    assert [line.split()[2] for line in lines[1:12]] == ["finished"] * 10 + ["running"]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_short_terminal_has_room_for_what_runs_the_summary_the_best_and_a_failure(width: int) -> None:
    others = [TrialState(f"o{i}", "failed", failure_kind=kind, failure_message="No.") for i, kind in enumerate("abc")]
    trials = [FINISHED, RUNNING, RUNNING, FAILED, *others, *[TrialState(f"w{i}", "waiting") for i in range(20)]]
    state = SweepState("dropout", _rows(*trials), 2)
    lines = _drawn(state, width, 12)
    text = "\n".join(lines)
    assert len(lines) < 12
    assert max(map(len, lines)) <= width
    assert sum("1500/6000" in line for line in lines) == 2
    assert "dropout: 1 of 27 finished" in text
    assert "Best of 1 finished: " in text
    assert "1 failed, " in text
    assert len(_drawn(state, width)) >= 27 + 6  # where there is room every kind of failure has its line


def test_no_line_is_broken_within_a_duration_or_a_score() -> None:
    trials = [FINISHED, RUNNING, TrialState("c", "waiting", 0, 6000)]
    for width in range(40, 100):
        lines = _drawn(SweepState("mine", _rows(*trials), 1), width)
        assert any("ETA 2 h 18 min" in line for line in lines), "\n".join(lines)
        assert any("Dice 62.5 %" in line for line in lines), "\n".join(lines)

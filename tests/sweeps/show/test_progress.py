import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sweeps.show.progress import ProgressDisplay
from sweeps.show.trial_table import render, shortened
from sweeps.status.lock import trial_lock
from sweeps.status.sweep import Planned, Row, SweepReader, SweepState
from sweeps.status.trial import TrialState, trial_folder


def _log(runs: Path, trial: str, step: int, seconds: float, **more: Any) -> None:
    folder = trial_folder(runs, trial)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "steps": 100, "seconds": seconds, **more}) + "\n")


def _rows(*trials: TrialState, seeds: int = 10**6) -> tuple[Row, ...]:
    return tuple(Row(Planned(t.id, f"projection.dropout={i}", i % seeds), t) for i, t in enumerate(trials))


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
    assert re.search(r"out=1 +1 +running +1500/6000 +1\.25 +(1h00|1 h 00 min) +0\.500 val$", line)
    text = "\n".join(lines)
    assert "0.750 test" in text
    assert "interrupted" in text
    assert "Best so far: projection.dropout=0 seed 0, val Dice 0.625" in text
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
    row = Row(Planned("a", "A", 0, label_split=7), RUNNING)
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


def _wait_for(text: str, out: io.StringIO) -> None:
    end = time.monotonic() + 60
    while text not in out.getvalue():
        assert time.monotonic() < end, f"{text!r} never came; the output is {out.getvalue()!r}"
        time.sleep(0.05)


def test_plain_output_has_one_line_per_change_and_no_control_characters(tmp_path: Path) -> None:
    out = io.StringIO()
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)])
    notices = tmp_path / "notices.txt"
    with ProgressDisplay(reader, Console(file=out, width=60), notices):
        _wait_for("1 waiting", out)
        notices.write_text("Mind the crop.\nMind the crop.\n")
        with trial_lock(trial_folder(tmp_path, "a")):
            _log(tmp_path, "a", 20, 10.0)
            _wait_for("running, step", out)
            _wait_for("Mind the crop.", out)
    text = out.getvalue()
    assert text.count("A seed 0: running, step 20/100, 2 steps/s, ETA 40 s") == 1
    assert text.count("Mind the crop.") == 1
    assert text.splitlines()[-1].endswith("mine: 0 of 1 finished, 1 interrupted")
    assert "\x1b" not in text


def test_a_live_table_leaves_the_cursor_visible(tmp_path: Path) -> None:
    out = io.StringIO()
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)])
    console = Console(file=out, width=60, height=24, force_terminal=True)
    with ProgressDisplay(reader, console, tmp_path / "notices.txt"):
        _wait_for("1 waiting", out)
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


def test_the_way_to_stop_outlives_a_display_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    ticks: list[float] = []
    monkeypatch.setattr("sweeps.show.progress.REFRESH_S", 0.01)

    class Broken(SweepReader):
        def read(self) -> SweepState:
            raise ValueError("no such thing")

    reader = Broken(tmp_path, "mine", [])
    with ProgressDisplay(reader, Console(file=out), tmp_path / "notices.txt", lambda: ticks.append(0)):
        _wait_for("Progress can't be shown any more (ValueError: no such thing)", out)
        end = time.monotonic() + 60
        while len(ticks) < 3:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_file_system_that_hesitates_does_not_end_the_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sweeps.show.progress.REFRESH_S", 0.01)
    reads: list[int] = []
    real: Callable[[SweepReader], SweepState] = SweepReader.read

    def read(self: SweepReader) -> SweepState:
        reads.append(0)
        if len(reads) in {2, 3}:
            raise OSError(116, "Stale file handle")
        return real(self)

    monkeypatch.setattr(SweepReader, "read", read)
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)])
    with ProgressDisplay(reader, Console(file=out), tmp_path / "notices.txt"):
        end = time.monotonic() + 60
        while len(reads) < 4:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert "can't be shown" not in out.getvalue()


def test_reading_many_trials_leaves_most_of_the_time_to_the_sweep(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sweeps.show.progress.REFRESH_S", 0.001)
    _log(tmp_path, "a", 20, 100.0)
    reader = SweepReader(tmp_path, "many", [Planned("a", "v", 0, 100)])
    spent: list[float] = []
    read = reader.read

    def slowly() -> SweepState:
        began = time.monotonic()
        time.sleep(0.05)
        found = read()
        spent.append(time.monotonic() - began)
        return found

    monkeypatch.setattr(reader, "read", slowly)
    began = time.monotonic()
    with ProgressDisplay(reader, Console(file=io.StringIO()), tmp_path / "notices.txt"):
        while len(spent) < 3:
            time.sleep(0.01)
        whole = time.monotonic() - began
        assert sum(spent[:2]) < 0.2 * whole

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sweeps.show.events import EventConsole
from sweeps.show.progress import ProgressDisplay
from sweeps.show.views import heartbeat, view_on
from sweeps.status.lock import trial_lock
from sweeps.status.sweep import Planned, SweepReader, SweepState, TrialRow
from sweeps.status.trial import TrialState, trial_folder
from tests.sweeps.status.logs import write_log


def _wait_for(text: str, out: io.StringIO) -> None:
    end = time.monotonic() + 60
    while text not in out.getvalue():
        assert time.monotonic() < end, f"{text!r} never came; the output is {out.getvalue()!r}"
        time.sleep(0.05)


def test_plain_output_has_one_line_per_change_and_no_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.show.progress.REFRESH_S", 0.05)
    out = io.StringIO()
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)])
    notices = tmp_path / "notices.txt"
    with ProgressDisplay(reader, Console(file=out, width=60), notices):
        _wait_for("1 waiting", out)
        notices.write_text("Mind the crop.\nMind the crop.\n")
        with trial_lock(trial_folder(tmp_path, "a")):
            write_log(tmp_path, "a", (20, 10.0))
            _wait_for("running, step 20/100", out)
            _wait_for("Mind the crop.", out)
    text = out.getvalue()
    assert text.count("A seed 0: running, step 20/100, 2 steps/s, ETA 40 s") == 1
    assert text.count("Mind the crop.") == 1
    assert text.splitlines()[-1].endswith("mine: 0 of 1 finished, 1 interrupted")
    assert "\x1b" not in text


def _state(*trials: TrialState, name: str = "dropout") -> SweepState:
    rows = (TrialRow(Planned(t.id, f"projection.dropout={t.id}", 1, 6000), t) for t in trials)
    return SweepState(name, tuple(rows), 2)


def _running(name: str, step: int = 1500) -> TrialState:
    return TrialState(name, "running", step, 6000, steps_per_second=1.25, eta_seconds=3594.0)


WAITING = [TrialState(f"w{i}", "waiting", 0, 6000) for i in range(9)]


def test_a_heartbeat_is_one_short_line() -> None:
    failed = TrialState("0.3", "failed", failure_kind="nan", failure_message="The loss is nan.")
    told = heartbeat(_state(_running("0.05"), _running("0.1", 40), failed, *WAITING))
    assert told == (
        "dropout: 0 of 12 finished, 1 failed, ETA 7 h 40 min; "
        "pro…=0.05 seed 1 at 1500/6000, pro…t=0.1 seed 1 at 40/6000"
    )
    assert len(f"12:00:00 {told}") <= 120
    told = heartbeat(_state(_running("0.05"), *[_running(f"0.{i}") for i in range(7)], *WAITING, name="components"))
    assert told.endswith(", 6 more")
    assert len(f"12:00:00 {told}") <= 120
    assert heartbeat(_state(*WAITING)) == "dropout: 0 of 9 finished"
    assert heartbeat(_state(TrialState("a", "evaluating", 6000, 6000))).endswith(
        "; projection.dropout=a seed 1 scoring"
    )


def test_a_quiet_sweep_has_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("sweeps.show.views.time.monotonic", lambda: now[0])
    out = io.StringIO()
    view = view_on(Console(file=out), Path("/nowhere"))
    view.show(_state(_running("0.1", 40)))
    for seconds, step in ((10, 50), (31, 70), (40, 90)):
        now[0] = 100.0 + seconds
        view.show(_state(_running("0.1", step)))
    assert [line[9:] for line in out.getvalue().splitlines()] == [
        "dropout: 0 of 1 finished, 1 running, ETA 1 h 19 min",
        "dropout: 0 of 1 finished, ETA 1 h 19 min; projection.dropout=0.1 seed 1 at 70/6000",
    ]


def test_another_best_of_the_finished_trials_is_told() -> None:
    def finished(name: str, dice: float) -> TrialState:
        return TrialState(name, "finished", 6000, 6000, dice=0.9, dice_split="test", val_dice=dice)

    out = io.StringIO()
    view = view_on(Console(file=out), Path("/nowhere"))
    first, second, third = finished("0.1", 0.5), finished("0.2", 0.625), finished("0.3", 0.6)
    for trials in ([first, *WAITING[:3]], [first, second, *WAITING[:2]], [first, second, third, *WAITING[:1]]):
        view.show(_state(*trials))
    told = [line[9:] for line in out.getvalue().splitlines() if "Best" in line]
    assert told == ["Best of 2 finished: projection.dropout=0.2 seed 1, val Dice 62.5 % at step 6000"]
    assert "projection.dropout=0.2 seed 1: finished, test Dice 90.0 %" in out.getvalue()


def test_a_live_table_leaves_the_cursor_visible(tmp_path: Path) -> None:
    out = io.StringIO()
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)])
    console = Console(file=out, width=60, height=24, force_terminal=True)
    with ProgressDisplay(reader, console, tmp_path / "notices.txt"):
        _wait_for("1 waiting", out)
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


def _events(out: io.StringIO) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in out.getvalue().splitlines()]


def test_a_display_on_an_event_console_writes_events_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    (tmp_path / "notices.txt").write_text("Mind the crop.\n")
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)], slots=3)
    with ProgressDisplay(reader, EventConsole(out), tmp_path / "notices.txt"):
        pass
    assert [event["event"] for event in _events(out)] == ["sweep", "trial", "progress", "notice"]
    assert _events(out)[0]["slots"] == 3
    assert capsys.readouterr() == ("", "")

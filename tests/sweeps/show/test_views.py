import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sweeps.show.events import EventConsole
from sweeps.show.progress import ProgressDisplay
from sweeps.status.lock import trial_lock
from sweeps.status.sweep import Planned, SweepReader
from sweeps.status.trial import trial_folder
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

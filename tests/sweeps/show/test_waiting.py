import io
import json
import re
import time

import pytest
from rich.console import Console

from sweeps.show.events import EventConsole
from sweeps.show.waiting import waiting


def test_plain_output_has_a_line_at_once_and_one_with_the_seconds() -> None:
    out = io.StringIO()
    with waiting(Console(file=out), "Starting Ray", over="Ray is up"):
        assert out.getvalue() == "Starting Ray ...\n"
    assert out.getvalue() == "Starting Ray ...\nRay is up after 0 s.\n"


def test_what_is_for_terminals_alone_is_not_said_elsewhere() -> None:
    out = io.StringIO()
    with waiting(Console(file=out), "Checking"):
        pass
    assert out.getvalue() == ""


def test_a_block_that_fails_is_not_said_to_be_over() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError, match="no"), waiting(Console(file=out), "Starting Ray", over="Ray is up"):
        raise ValueError("no")
    assert out.getvalue() == "Starting Ray ...\n"


@pytest.mark.parametrize("fails", [False, True])
def test_on_a_terminal_a_line_moves_and_goes_away(monkeypatch: pytest.MonkeyPatch, *, fails: bool) -> None:
    monkeypatch.setattr("sweeps.show.waiting._TURN_S", 0.001)
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    try:
        with waiting(Console(file=out, force_terminal=True, width=24), "Starting Ray on this machine", over="Ray"):
            end = time.monotonic() + 60
            while out.getvalue().count("\r") < 4:
                assert time.monotonic() < end
                time.sleep(0.001)
            if fails:
                raise ValueError("no")
    except ValueError:
        assert fails
    lines = out.getvalue().split("\r")[1:]
    assert lines[0] == "| Starting Ray on this \x1b[K"  # as wide as there is room
    assert len(set(lines[:4])) == 4
    assert lines[-1] == "\x1b[K"
    assert not re.search("\n|\x1b\\[\\?25", out.getvalue())  # the cursor is never hidden


def test_on_an_event_console_both_are_notices() -> None:
    out = io.StringIO()
    with waiting(EventConsole(out), "Starting Ray", over="Ray is up"):
        pass
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(each["event"], each["message"]) for each in told] == [
        ("notice", "Starting Ray ..."),
        ("notice", "Ray is up after 0 s."),
    ]


def test_a_terminal_that_goes_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise OSError(5, "Input/output error")

    monkeypatch.setenv("TERM", "xterm")
    with waiting(Console(file=Gone(), force_terminal=True, width=80), "Starting Ray"):
        pass

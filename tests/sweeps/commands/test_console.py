import io
import json
import sys
from types import SimpleNamespace

import pytest

from simcvd.errors import UserError
from sweeps.commands.console import ProgressLine, print_columns, print_json, print_lines
from sweeps.status.trial import TrialState
from tests.sweeps.commands.ending import FAILED, outcome_of, stub_sweep


@pytest.mark.parametrize(
    ("trials", "interrupted", "code"),
    [
        ([TrialState("a", "finished")], False, 0),
        ([TrialState("a", "finished"), FAILED], False, 1),
        ([TrialState("a", "interrupted")], True, 130),
    ],
)
def test_json_puts_events_alone_on_standard_output(run, dataset, monkeypatch, trials, interrupted, code):
    stub_sweep(monkeypatch, outcome_of(*trials, interrupted=interrupted))
    done = run("sweep", "dropout", dataset, "--json")
    assert done.exit_code == code
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds == ["notice", "sweep", *["trial"] * len(trials), "progress", "end"]
    assert events[-1]["exit_code"] == code
    assert "a stray line" in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [(UserError("No room."), 2, "No room."), (KeyboardInterrupt(), 130, "Interrupted; the same command continues.")],
)
def test_json_ends_with_an_event_however_the_sweep_ends(run, dataset, monkeypatch, error, code, message):
    stub_sweep(monkeypatch, error)
    done = run("sweep", "dropout", dataset, "--json")
    assert done.exit_code == code
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["event"], end["exit_code"], end["message"]) == ("end", code, message)


def test_a_number_that_is_none_is_null_in_json(capsys):
    print_json({"dice": float("nan"), "cases": [float("inf"), 1.5]})
    assert json.loads(capsys.readouterr().out) == {"dice": None, "cases": [None, 1.5]}


def test_columns_have_texts_to_the_left_and_numbers_to_the_right(capsys):
    print_columns([["case", 7, "a"], ["longer", 123, "b"]])
    assert capsys.readouterr().out == "case      7  a\nlonger  123  b\n"


def test_progress_beside_a_terminal_is_a_line_now_and_then_with_its_pace(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sweeps.commands.console.time", SimpleNamespace(monotonic=lambda: now[0]))
    with ProgressLine("training", "steps") as progress:
        for seconds, done in ((1, 100), (3, 120), (8, 170), (14, 230)):
            now[0] = seconds
            progress(done, 430)
        progress.say_once("Stopping.")
        progress.say_once("Stopping.")
    assert capsys.readouterr().err.splitlines() == [
        "training: 120 of 430 steps, 10 steps/s, 31 s left",
        "training: 230 of 430 steps, 10 steps/s, 20 s left",
        "Stopping.",
    ]


def test_what_is_done_before_anything_is_counted_is_said_at_once_and_counts_as_no_time(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sweeps.commands.console.time", SimpleNamespace(monotonic=lambda: now[0]))
    with ProgressLine("training", "steps", 430) as progress:
        progress.doing("building the network")
        for seconds, done in ((60, 10), (70, 110)):
            now[0] = seconds
            progress(done, 430)
        progress.doing("scoring", 430)
    assert capsys.readouterr().err.splitlines() == [
        "training: 0 of 430 steps, building the network",
        "training: 10 of 430 steps",
        "training: 110 of 430 steps, 10 steps/s, 32 s left",
        "training: 430 of 430 steps, scoring",
    ]


def test_a_bar_shows_its_total_and_what_is_done_from_the_start(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    with ProgressLine("training", "steps", 430) as progress:
        progress.doing("building the network")
    assert "0/430" in out.getvalue()
    assert "building the network" in out.getvalue()
    assert "?" not in out.getvalue().replace("\x1b[?", "")


def test_lines_are_broken_at_the_terminals_width_under_their_text(capsys, monkeypatch):
    lines = ["channel    " + "word " * 14 + "end", "sound"]
    print_lines(lines, indent=11)
    assert capsys.readouterr().out.splitlines() == lines
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_lines(lines, indent=11)
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == "channel    " + "word " * 9 + "word"
    assert second == " " * 11 + "word " * 4 + "end"
    assert last == "sound"


def test_lines_do_not_steer_the_terminal(capsys):
    print_lines(["Case a\x1b[2J\udcffb is odd."], indent=11)
    assert capsys.readouterr().out == "Case a?[2J?b is odd.\n"

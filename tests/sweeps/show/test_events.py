import io
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table

from sweeps.show.events import EventConsole, EventStream, status_fields, trial_fields
from sweeps.status.sweep import Planned, SweepState, TrialRow
from sweeps.status.trial import TrialState

RUNS = Path("/nowhere")


def _state(*trials: TrialState, slots: int = 2) -> SweepState:
    rows = tuple(TrialRow(Planned(t.id, f"v-{t.id}", i, label_split=5), t) for i, t in enumerate(trials))
    return SweepState("mine", rows, slots)


def _events(out: io.StringIO) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in out.getvalue().splitlines()]


def test_a_sweep_begins_with_its_size_and_every_trial() -> None:
    out = io.StringIO()
    stream = EventStream(out)
    state = _state(TrialState("a", "finished", dice=0.75, dice_split="test", val_dice=0.5), TrialState("b", "waiting"))
    stream.begin(state, RUNS, 2)
    stream.begin(state, RUNS, 2)  # of the next display of the same command
    sweep, *trials, progress = _events(out)
    assert [sweep[key] for key in ("event", "name", "runs", "trials", "pending", "slots")] == [
        *("sweep", "mine", "/nowhere"),
        *(2, 1, 2),
    ]
    assert [(trial["id"], trial["state"], trial["label_split"]) for trial in trials] == [
        ("a", "finished", 5),
        ("b", "waiting", 5),
    ]
    assert progress["counts"] == {"finished": 1, "waiting": 1}
    assert (progress["best"]["val_dice"], progress["best"]["step"]) == (0.5, 0)  # never the test score


def test_a_change_of_state_is_told_at_once_and_steps_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    stream = EventStream(out)
    now = [100.0]
    monkeypatch.setattr("sweeps.show.events.time.monotonic", lambda: now[0])

    def kinds(*trials: TrialState) -> list[str]:
        before = len(_events(out))
        stream.update(_state(*trials), RUNS)
        return [f"{event['event']} {event.get('step', '')}".strip() for event in _events(out)[before:]]

    assert kinds(TrialState("a", "running", 1, 100)) == ["trial 1", "progress"]
    assert kinds(TrialState("a", "running", 1, 100)) == []
    now[0] += 1
    assert kinds(TrialState("a", "running", 2, 100)) == []
    now[0] += 5
    assert kinds(TrialState("a", "running", 3, 100)) == ["trial 3"]
    assert kinds(TrialState("a", "failed", 3, 100)) == ["trial 3", "progress"]
    now[0] += 10
    assert kinds(TrialState("a", "failed", 3, 100)) == ["progress"]


def test_what_is_unknown_or_no_number_is_null() -> None:
    out = io.StringIO()
    trial = TrialState("a", "running", 1, 0, steps_per_second=math.nan, eta_seconds=math.inf)
    EventStream(out).begin(_state(trial), RUNS, None)
    sweep, told, progress = _events(out)
    assert sweep["slots"] is None
    keys = (
        "steps",
        "steps_per_second",
        "eta_seconds",
        "dice",
        "dice_split",
        "failure_kind",
        "message",
        "log",
        "search",
    )
    assert [told[key] for key in keys] == [None] * len(keys)
    assert progress["best"] is None


def test_the_end_has_the_exit_code_the_tables_and_failures_by_kind(tmp_path: Path) -> None:
    out = io.StringIO()
    (tmp_path / "trials" / "a").mkdir(parents=True)
    log = tmp_path / "trials" / "a" / "failure.txt"
    log.touch()
    state = _state(TrialState("a", "failed", failure_kind="nan", failure_message="The loss is nan."))
    EventStream(out).end(1, state, tmp_path, [tmp_path / "table.md"], verdict={"verdict": "better"})
    events = _events(out)
    assert [event["event"] for event in events] == ["sweep", "trial", "progress", "end"]  # though nothing had to run
    assert events[1]["log"] == str(log)
    end = events[-1]
    assert (end["exit_code"], end["counts"], end["tables"]) == (1, {"failed": 1}, [str(tmp_path / "table.md")])
    assert end["verdict"] == {"verdict": "better"}
    (group,) = end["failures"]
    assert (group["kind"], group["words"], group["count"], group["message"]) == (
        *("nan", "not a number"),
        *(1, "The loss is nan."),
    )
    assert group["trials"] == [
        {"id": "a", "variant": "v-a", "seed": 0, "label_split": 5, "search": None, "log": str(log)}
    ]


def test_sentences_become_notices_and_tables_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    console = EventConsole(out)
    console.print("Mind [the] crop.", markup=False, highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("a column")
    console.print(table)
    (notice,) = _events(out)
    assert (notice["event"], notice["message"]) == ("notice", "Mind [the] crop.")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a column" in captured.err


def test_a_reader_that_goes_away_ends_the_events_and_not_the_sweep() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out:
        stream = EventStream(out)
        stream.notice("one")
        os.close(reading)
        stream.notice("two")
        stream.notice("three")


def test_status_says_what_the_events_say(tmp_path: Path) -> None:
    state = _state(TrialState("a", "running", 5, 100, steps_per_second=2.0, eta_seconds=47.5))
    told = status_fields(state, tmp_path)
    assert told["trials"] == [trial_fields(state.rows[0], tmp_path)]
    assert told["trials"][0]["eta_seconds"] == told["eta_seconds"] == 47.5
    assert told["running"] is None

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from analysis.runs.search_section import SearchSection
from analysis.runs.sweep import read_sweep, write_sweep
from analysis.runs.tried_setting import State, Training, TriedSetting, write_setting
from simcvd.config import apply_settings, load_preset
from sweeps.status.sweep import read_status
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Terms


def _setting(runs: Path, number: int, *trials: Training, state: State, value: float | None = None) -> None:
    write_setting(runs / "sweeps" / "mine" / "search", TriedSetting(number, {}, trials, state, value))


def test_a_search_is_shown_by_number_and_never_by_its_test_scores(
    runs: Path, dataset: Path, make_engine: Callable[..., Engine]
) -> None:
    config = apply_settings(load_preset("phantom"), {"training.steps": 5, "loss.sdm": 0.4})
    execute_trial(config, dataset, runs, trial_id="scored-s0-a", terms=Terms(engine=make_engine(), test=False))
    execute_trial(config, dataset, runs, trial_id="short-s0-b", terms=Terms(engine=make_engine(), test=False))
    _setting(runs, 10, state="running")
    _setting(runs, 2, Training(2, "x"), Training(5, "scored-s0-a"), state="complete", value=0.5)
    _setting(runs, 1, Training(5, "short-s0-b"), state="pruned", value=0.5)
    _setting(runs, 0, Training(5, "fine"), state="complete", value=0.5)
    (runs / "sweeps" / "mine" / "search" / "identity.json").write_text('{"identity": "abc"}')
    (runs / "sweeps" / "mine" / "search" / "3.json").write_text('{"number": 3, "par')
    (runs / "sweeps" / "mine" / "search" / "4.json").write_text('{"number": 4}')
    (mine,) = read_status(runs, "mine")
    searched = [row for row in mine.rows if row.planned.search is not None]
    assert [(row.planned.name, row.trial.state) for row in searched] == [
        ("search 0", "finished"),
        ("search 1", "stopped"),
        ("search 2", "validated"),
        ("search 10", "waiting"),
    ]
    assert [row.trial.dice_split for row in searched] == ["val", "val", "val", None]
    assert [row.over for row in searched] == [True, True, True, False]


def test_a_search_counts_the_settings_that_it_is_still_to_try(runs: Path) -> None:
    sweep = read_sweep(runs, "mine")
    search = SearchSection("mine-abc", "study.journal", "full", "halving", (), 5, 0, 4, {}, {}, False, {})
    write_sweep(runs, sweep, search)
    _setting(runs, 1, Training(5, "fine"), state="complete", value=0.5)
    (mine,) = read_status(runs, "mine")
    assert [row.planned.name for row in mine.rows[3:]] == ["search 0", "search 1", "search 2", "search 3"]
    assert mine.rows[3].trial.state == "waiting"
    write_sweep(runs, sweep, replace(search, over=True))
    (mine,) = read_status(runs, "mine")
    assert [row.planned.name for row in mine.rows[3:]] == ["search 1"]

"""Sweeps and searches are shown elsewhere, and are what they are whatever happens there."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from simcvd.config import TrialConfig
from sweeps.definition.catalogue import SweepFile
from sweeps.runner import SweepOutcome, run_sweep
from sweeps.search.run import run_search
from sweeps.trial.engine import Engine
from tests.asked import asked
from tests.without_ray import without_ray

Library = Callable[[str], None]
Run = Callable[..., tuple[SweepOutcome, str]]

TWO = {"name": "mine", "base": {"training.steps": 5}, "axes": {"loss.sdm": [0.1, 0.2]}}
SEARCH = {
    "name": "mine",
    "base": {"training.steps": 4, "training.validate_every_steps": 2},
    "search": {"loss.sdm": {"uniform": [0.1, 0.4]}},
    "strategy": {"trials": 3, "confirm_seeds": 1},
}


@pytest.fixture
def run(dataset: Path, make_engine: Callable[..., Engine]) -> Run:
    def call(content: dict[str, Any], runs: Path, trackers: tuple[str, ...] = ("wandb",)) -> tuple[SweepOutcome, str]:
        sweep, out = SweepFile.model_validate(content), io.StringIO()
        start = run_sweep if sweep.search is None else run_search
        request = asked(sweep, dataset, runs, trackers=trackers)
        engine = replace(own := make_engine(), train=_leaving_its_settings(own.train))
        with without_ray():
            outcome = start(request, console=Console(file=out, width=500), engine=engine)
        return outcome, out.getvalue()

    return call


def _leaving_its_settings(train: Callable[..., Any]) -> Callable[..., Any]:
    """Write `config.yaml` first, as every real training does."""

    def begin(config: TrialConfig, dataset: Path, trial_dir: Path, **others: Any) -> Any:
        trial_dir.mkdir(parents=True, exist_ok=True)
        (trial_dir / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
        return train(config, dataset, trial_dir, **others)

    return begin


def names(tmp_path: Path) -> list[str]:
    lines = (tmp_path / "told.txt").read_text().splitlines()
    return sorted({line.rsplit(" ", 1)[0] for line in lines if line.startswith("mine/") and "[" not in line})


def test_a_sweeps_trials_are_shown_by_name(run: Run, tmp_path: Path, library: Library) -> None:
    library("pass")
    outcome, told = run(TWO, tmp_path)
    assert outcome.exit_code == 0
    assert "Weights" not in told
    assert names(tmp_path) == ["mine/sdm=0.1 seed 0", "mine/sdm=0.2 seed 0"]


def test_what_an_earlier_command_did_not_show_the_same_command_shows(
    run: Run, tmp_path: Path, library: Library
) -> None:
    library("pass")
    run(TWO, tmp_path, ())
    assert not (tmp_path / "told.txt").exists()
    outcome, _ = run(TWO, tmp_path)
    assert outcome.ran == 0
    assert names(tmp_path) == ["mine/sdm=0.1 seed 0", "mine/sdm=0.2 seed 0"]


def test_a_searchs_trials_are_shown_by_name(run: Run, tmp_path: Path, library: Library) -> None:
    library("pass")
    outcome, _ = run(SEARCH, tmp_path)
    assert outcome.exit_code == 0
    assert names(tmp_path) == ["mine/search 0 seed 0", "mine/search 1 seed 0", "mine/search 2 seed 0"]


def test_a_tracker_that_fails_changes_no_result(run: Run, tmp_path: Path, library: Library) -> None:
    def results(runs: Path) -> dict[str, Any]:
        verdict = json.loads((runs / "sweeps" / "mine" / "tables" / "verdict.json").read_text())
        return {key: value for key, value in verdict.items() if "command" not in key}

    library("raise ConnectionError('no network')")
    outcome, told = run(TWO, tmp_path / "one")
    other, _ = run(TWO, tmp_path / "other", ())
    assert outcome.exit_code == other.exit_code == 0
    assert told.count("Weights & Biases gets no more of this sweep, which goes on (ConnectionError: no network)") == 1
    tables = [(tmp_path / runs / "sweeps" / "mine" / "tables" / "table.csv").read_text() for runs in ("one", "other")]
    assert tables[0] == tables[1]
    assert results(tmp_path / "one").keys() == results(tmp_path / "other").keys()

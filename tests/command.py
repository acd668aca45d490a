"""`simcvd` in this process, and what its commands need: fixtures for the folders that test them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import cli
from simcvd.data.phantom import write_phantom

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `simcvd ARGUMENT...` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments], prog_name="simcvd")


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom set of four small cases, one of each split; not to be changed."""
    folder = tmp_path_factory.mktemp("phantom") / "data"
    write_phantom(folder, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    return folder


@pytest.fixture
def stub_trial(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Let `simcvd train` end in a given way, without training."""

    def stub(end: Any) -> None:
        def execute_trial(config, dataset, runs, *, trial_id, **options):
            if isinstance(end, BaseException):
                raise end
            return end

        monkeypatch.setattr("sweeps.trial.execute.execute_trial", execute_trial)

    return stub

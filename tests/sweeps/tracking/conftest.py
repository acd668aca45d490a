import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Terms
from tests.tiny_trial import THREE_STEPS

Write = Callable[..., None]
Library = Callable[[str], None]

FAKE = """
import os

def Settings(**options):
    return options

class _Run:
    def __init__(self, name):
        self.name, self.summary = name, {}

    def define_metric(self, *names, **options):
        pass

    def log(self, values):
        _tell(f"{self.name} {values['step']}")

    def finish(self, exit_code=None):
        _tell(f"{self.name} {exit_code} {sorted(self.summary)}")

def _tell(line):
    print("chatter of the library")
    with open("{told}", "a") as file:
        file.write(line + "\\n")

def init(**options):
    _tell(str(os.getpid()))
    {begins}
    return _Run(options["name"])
"""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a tracker's process however slow the machine is."""
    monkeypatch.setattr("sweeps.tracking.process.END_S", 500.0)


@pytest.fixture
def write_sweep(tmp_path: Path) -> Write:
    """Write the `sweep.yaml` of the sweep `mine`: for each variant its trials by seed, or by seed and label split."""

    def write(**variants: dict[Any, str]) -> None:
        rows = []
        for name, trials in variants.items():
            keys = [key if isinstance(key, tuple) else (key,) for key in trials]
            entries = [
                {**dict(zip(("seed", "label_split"), key, strict=False)), "id": trial}
                for key, trial in zip(keys, trials.values(), strict=True)
            ]
            rows.append({"name": name, "set": {}, "trials": entries})
        content = {"name": "mine", "metric": "dice", "reference": None, "dataset": {"name": "d"}, "variants": rows}
        folder = tmp_path / "sweeps" / "mine"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sweep.yaml").write_text(yaml.safe_dump(content))

    return write


@pytest.fixture
def run_trial(tmp_path: Path, dataset: Path, make_engine: Callable[..., Engine]) -> Callable[..., str]:
    """Run a trial that trains nothing, and return its state; see `make_engine` for what `sdm` does."""
    from simcvd.config import from_mapping

    def run(trial_id: str, sdm: float = 0.1, **terms: Any) -> str:
        config = from_mapping(THREE_STEPS | {"loss.sdm": sdm})
        terms = {"engine": make_engine(), **terms}
        folder = tmp_path / "trials" / trial_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
        return execute_trial(config, dataset, tmp_path, trial_id=trial_id, terms=Terms(**terms)).state

    return run


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Put a library in the place of wandb, whose runs begin in a given way; it writes `told.txt`."""

    def write(begins: str) -> None:
        folder = tmp_path / "library"
        folder.mkdir()
        text = FAKE.replace("{told}", str(tmp_path / "told.txt")).replace("{begins}", begins)
        (folder / "wandb.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    return write

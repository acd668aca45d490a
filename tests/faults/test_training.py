"""A real training: its checkpoints, its log and its weights."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from safetensors.torch import load_file

from simcvd.config import apply_settings, load_preset, trial_id
from simcvd.data.phantom import write_phantom
from simcvd.data.store import open_info
from simcvd.training.checkpoint import CheckpointWriter
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Device
from tests.faults.conftest import Hold
from tests.faults.content import files
from tests.faults.replay import Scene
from tests.tiny_trial import THREE_STEPS

DIFFERING = ("lock", "log.jsonl", "environment.json", "student.safetensors")


def _records(runs: Path) -> dict[str, Any]:
    """Return all files; of the weights all bits, of the log each step's losses."""
    found = files(runs, without=DIFFERING)
    for path in runs.glob("trials/*/student.safetensors"):
        found[str(path.relative_to(runs))] = {name: value.tolist() for name, value in load_file(path).items()}
    for path in runs.glob("trials/*/log.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[str(path.relative_to(runs))] = [(line["step"], line.get("losses")) for line in lines]
    return found


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A training of three steps with a checkpoint after each."""
    dataset = tmp_path / "data"
    write_phantom(dataset, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    config = apply_settings(load_preset("phantom"), THREE_STEPS)
    identity = trial_id(config, open_info(dataset).digest)
    save = CheckpointWriter.save

    def save_now(writer: CheckpointWriter, *given: Any, **named: Any) -> None:
        save(writer, *given, **named)
        writer.abandon()  # waits for its thread, so that operations come in one order

    monkeypatch.setattr(CheckpointWriter, "save", save_now)
    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter", MagicMock())  # it has a thread of its own

    def run(runs: Path) -> None:
        status = execute_trial(config, dataset, runs, trial_id=identity, device=Device("cpu", threads=1))
        assert status.state == "finished", status

    return Scene(run, _records)


@pytest.mark.slow
def test_a_training_comes_to_the_same_weights_whatever_its_files_met(scene: Scene, hold: Hold) -> None:
    hold(scene, "pytest tests/faults/test_training.py -m slow", 20)

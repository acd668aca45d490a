"""A model folder: whole or not there, whatever its writing met; what it replaces stays until then."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from simcvd.config import apply_settings, from_mapping
from simcvd.inference.export import write_model
from simcvd.inference.model_folder import MODEL_FILE, check_files, is_model, read_model
from simcvd.inference.weights import save_student
from simcvd.networks.base import Segmenter
from simcvd.networks.build import build_network
from tests.faults.conftest import Hold
from tests.faults.content import files
from tests.faults.replay import Scene
from tests.tiny_trial import THREE_STEPS


def _begin(folder: Path) -> None:
    for seed in range(2):
        config = apply_settings(from_mapping(THREE_STEPS), {"seed": seed})
        trial = folder / "trials" / str(seed)
        trial.mkdir(parents=True)
        (trial / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            save_student(trial, Segmenter(build_network(config, 1, 2)), config, 1, ("atrium",))


def _begin_with_another(folder: Path) -> None:
    _begin(folder)
    write_model(folder / "model", [folder / "trials" / "1"], name="old")


def _write(folder: Path) -> None:
    trials = [folder / "trials" / str(seed) for seed in range(2)]
    write_model(folder / "model", trials, extra={"report.html": b"better" * 1000}, replace=True)


def _records(folder: Path) -> dict[str, Any]:
    """Return all files but what a kill leaves for a day, and when the model was written."""
    found = {name: content for name, content in files(folder).items() if ".tmp-" not in name}
    for name in [name for name in found if name.endswith(MODEL_FILE)]:
        found[name] = json.loads((folder / name).read_text()) | {"created": "then"}
    return found


def _shown(folder: Path) -> dict[str, Any]:
    if not is_model(folder / "model"):
        return {}
    info = read_model(folder / "model")
    check_files(folder / "model", info, info.files)
    return {"model": info.digest}


@pytest.mark.parametrize("most", [12, pytest.param(200, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("name", ["new", "replaced"])
def test_a_model_is_whole_or_not_there_whatever_its_writing_met(name: str, most: int, hold: Hold) -> None:
    scene = Scene(_write, _records, _shown, _begin if name == "new" else _begin_with_another)
    hold(scene, f"pytest tests/faults/test_model.py -k {name}-", most)

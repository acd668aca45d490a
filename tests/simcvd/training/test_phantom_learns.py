"""The whole method on the built-in set: Dice, because a falling loss proves nothing."""

from pathlib import Path

import numpy as np
import pytest

from simcvd.config import apply_settings, load_preset
from simcvd.data.phantom import write_phantom
from simcvd.training.evaluation import evaluate_trial
from simcvd.training.run import run_training


@pytest.mark.slow
def test_simcvd_finds_the_phantoms_object(tmp_path: Path) -> None:
    """Seeds 0 and 1 reached 0.60 and 0.55 when the preset was chosen."""
    write_phantom(tmp_path / "data")
    config = apply_settings(load_preset("phantom"), {"seed": 0})
    run_training(config, tmp_path / "data", tmp_path / "trial", device="cpu")
    scores = evaluate_trial(tmp_path / "trial", tmp_path / "data", "test", device="cpu")
    assert np.mean([score.dice for score in scores]) > 0.45

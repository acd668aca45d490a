"""Check that a method learns: Dice on test cases, because a falling loss proves nothing."""

from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Final

from simcvd.data.phantom import write_phantom
from simcvd.plugin.checks.check import MakeConfig, expect
from simcvd.plugin.sample import learning_changes
from simcvd.training.evaluation import evaluate_trial
from simcvd.training.run import run_training

LEAST_DICE: Final = 0.45
"""Before training it is under 0.1; the built-in methods reach 0.55 and more."""


def check_learning(name: str, make_config: MakeConfig) -> None:
    """Train 100 steps on the phantom, and score its test cases."""
    config = make_config(learning_changes())
    with TemporaryDirectory(prefix="simcvd-check-") as folder:
        data, trial = Path(folder) / "data", Path(folder) / "trial"
        write_phantom(data, labeled=4, unlabeled=8, val=1, test=6, shape=(24, 24, 24))
        run_training(config, data, trial, device="cpu")
        dice = fmean(score.dice for score in evaluate_trial(trial, data, "test", device="cpu"))
    expect(
        dice > LEAST_DICE,
        f"Dice on the phantom is {dice:.2f} after {config.training.steps} steps: expected more than {LEAST_DICE}; are "
        "terms of the labelled crops there, and is their learning rate set?",
    )

"""Real networks: what a killed command had begun ends with the weights of one that was left alone, bit by bit."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simcvd.data.phantom import write_phantom
from sweeps.definition.catalogue import SweepFile
from sweeps.trial.engine import Engine

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

SETTINGS = {
    "network.width": 2,
    "data.crop_vox": [32, 32, 32],
    "inference.stride_vox": [32, 32, 32],
    "projection.pool_size": 8,
    "training.steps": 10,
    "training.checkpoint_every_steps": 4,
    "training.log_every_steps": 1,
}


def test_a_killed_command_ends_with_bit_equal_weights_and_scores(
    start: Callable[..., subprocess.Popen[str]],
    run: Callable[..., Any],
    tmp_path: Path,
    shared_ray: str,
    gate: Any,
    end: Any,
    same_files: Any,
) -> None:
    from safetensors.numpy import load_file

    dataset, runs, other = tmp_path / "phantom", tmp_path / "runs", tmp_path / "other"
    write_phantom(dataset, labeled=2, unlabeled=2, val=1, test=2, shape=(32, 32, 32))
    sweep = SweepFile.model_validate(
        {"name": "mine", "base": SETTINGS, "axes": {"projection.dropout": [0.1, 0.5]}, "reference": "dropout=0.1"}
        | {"seeds": [0]}
    )
    hold = gate.fault(7)

    def train(config, data, trial_dir, **options):
        from simcvd.training.run import run_training

        return run_training(
            config, data, trial_dir, **options | {"report": lambda line: hold(config, trial_dir, line["step"])}
        )

    def evaluate(*arguments, **options):
        from simcvd.training.evaluation import evaluate_trial

        return evaluate_trial(*arguments, **options)

    command = start(sweep, Engine(train, evaluate), address=shared_ray, dataset=dataset, until=lambda: gate.held)
    os.kill(command.pid, signal.SIGKILL)
    end(command)
    assert (runs / "trials" / gate.held[0] / "checkpoint" / "last.pt").exists()

    for folder in (runs, other):
        outcome, text = run(sweep, None, runs=folder, dataset=dataset)
        assert (outcome.exit_code, outcome.ran) == (0, 2), text
    same_files(runs, other, sweep, weights=lambda path: {k: v.tobytes() for k, v in load_file(path).items()})

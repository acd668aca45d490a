"""A search that a test asks for."""

from typing import Any

from sweeps.definition.sweep_file import SweepFile


def search_of(**strategy: Any) -> SweepFile:
    """Return a search over two weights: 12 settings, compared after 3 of 9 steps, unless `strategy` says else."""
    return SweepFile.model_validate(
        {
            "name": "mine",
            "base": {"preset": "phantom", "training.steps": 9},
            "search": {"loss.sdm": {"uniform": [0.0, 0.6]}, "loss.contrast": {"loguniform": [0.1, 1.0]}},
            "strategy": {"trials": 12, "confirm_seeds": 2, "fidelity": "schedule", "rungs": [0.34]} | strategy,
        }
    )

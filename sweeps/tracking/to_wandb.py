"""Runs in Weights & Biases, in the project that `WANDB_PROJECT` names, else `simcvd`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import wandb

from sweeps.tracking.names import NamedRun
from sweeps.tracking.tracker import Numbers

PROJECT: Final = "simcvd"
_QUIET: Final[Mapping[str, Any]] = {
    "console": "off",
    "silent": True,
    "disable_git": True,
    "save_code": False,
    "x_disable_stats": True,  # the machine's load is not the trial's
}


class WandbTracker:
    """Several runs at a time in one process; what is kept on this machine goes into `RUNS/wandb`.

    Args:
        runs: the runs folder.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._open: dict[str, Any] = {}

    def begin(self, run: NamedRun, key: str, known: str | None, settings: Mapping[str, Any]) -> str:
        """Begin a run, or go on with it; its id is the key."""
        opened = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            dir=os.environ.get("WANDB_DIR") or str(self._runs),
            id=key,
            name=run.title,
            group=run.sweep,
            config={**settings, "sweep": run.sweep, "variant": run.variant, "trial": run.trial_id},
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(**_QUIET),
        )
        # A run that goes on counts its reports anew, so steps are the trial's own.
        opened.define_metric("step")
        opened.define_metric("*", step_metric="step")
        self._open[key] = opened
        return key

    def log(self, known: str, reports: Sequence[Numbers]) -> None:
        """Add what was reported, oldest first."""
        for report in reports:
            self._open[known].log({**report.values, "step": report.step})

    def finish(self, known: str, scores: Numbers, *, failed: bool) -> None:
        """End a run; its scores stand in its summary."""
        opened = self._open.pop(known)
        opened.summary.update(dict(scores.values))
        opened.finish(exit_code=1 if failed else 0)

    def close(self) -> None:
        """Leave the runs that are not over."""
        while self._open:
            self._open.popitem()[1].finish()

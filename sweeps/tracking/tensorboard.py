"""`RUNS/tensorboard/SWEEP/VARIANT seed N`: a link to the events of each trial, so that TensorBoard shows its name.

The events stay in the trial's folder, since several sweeps may share the trial.
"""

import os
import uuid
from pathlib import Path
from typing import Final

from sweeps.tracking.names import folder_names, named_runs

FOLDER: Final = "tensorboard"
EVENTS: Final = "events"
"""In a trial's folder."""


def link_events(runs: Path, sweep: str) -> None:
    """Give each trial of a sweep that has events its link; links of trials that the sweep has no more are taken away.

    Links are relative, so the runs folder may be moved.

    Args:
        runs: the runs folder.
        sweep: the sweep's name.

    Raises:
        AnalysisError: there is no such sweep, or its file is damaged.
        OSError: the file system takes no links, or can't be written to.
    """
    found = {run.name: run.trial_id for run in named_runs(runs, sweep)}
    shown = folder_names(found)
    wanted = {
        shown[name]: f"../../trials/{trial_id}/{EVENTS}"
        for name, trial_id in found.items()
        if (runs / "trials" / trial_id / EVENTS).is_dir()
    }
    folder = runs / FOLDER / sweep
    there = {path.name: os.readlink(path) for path in folder.glob("*") if path.is_symlink()}
    for name in there.keys() - wanted.keys():
        (folder / name).unlink(missing_ok=True)
    for name, target in wanted.items():
        if there.get(name) != target:
            _link(folder / name, target)


def _link(path: Path, target: str) -> None:
    """Make a link, or make it name something else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{uuid.uuid4().hex}")
    new.symlink_to(target, target_is_directory=True)
    os.replace(new, path)

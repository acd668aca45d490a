"""Save and restore everything that the next step depends on: networks, optimisers and the step."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from simcvd.errors import UserError
from simcvd.methods.base import Method

FORMAT = 1


@dataclass(frozen=True)
class Progress:
    """How far a trial has come.

    Attributes:
        steps_done: finished training steps.
        seconds: time spent in them, over all sessions.
    """

    steps_done: int = 0
    seconds: float = 0.0


def save_checkpoint(path: Path, method: Method, progress: Progress, identity: str) -> None:
    """Write the trial's state to `path` by rename, so that a kill leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "format": FORMAT,
        "identity": identity,
        "steps_done": progress.steps_done,
        "seconds": progress.seconds,
        "networks": method.networks.state_dict(),
        "optimisers": {name: optimiser.state_dict() for name, optimiser in method.optimisers.items()},
    }
    partial = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_checkpoint(path: Path, method: Method, identity: str) -> Progress:
    """Restore `method` in place and return how far the trial had come; a fresh start where `path` is absent.

    Raises:
        UserError: the file is damaged or belongs to other settings or another data set.
    """
    if not path.exists():
        return Progress()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        known = state["format"] == FORMAT
    except Exception as error:  # torch names no common class for damaged files
        raise UserError(f"The checkpoint {path} is damaged; delete it to start this trial again.") from error
    if not known or state["identity"] != identity:
        raise UserError(f"The checkpoint {path} belongs to other settings; delete it or choose another output folder.")
    method.networks.load_state_dict(state["networks"])
    for name, optimiser in method.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    return Progress(state["steps_done"], state["seconds"])

"""The trackers that there are, and whether the library of one is here."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from sweeps.tracking.tracker import Tracker

KINDS: Final[Mapping[str, str]] = {"wandb": "Weights & Biases", "mlflow": "MLflow"}
"""Name of the library, as `--log` and the extra are called, and what people call it."""


def check_libraries(kinds: tuple[str, ...]) -> None:
    """See that what `--log` names can be used here.

    Raises:
        UserError: a library is missing.
    """
    for kind in kinds:
        if find_spec(kind) is None:
            raise UserError(
                f"--log {kind} needs the library {kind}, which is not installed here; pip install 'simcvd[{kind}]', or "
                "drop it."
            )


def open_tracker(kind: str, runs: Path) -> Tracker:
    """Return the tracker of a kind.

    Args:
        kind: a key of `KINDS`.
        runs: the runs folder, for what is kept on this machine.
    """
    if kind == "wandb":
        from sweeps.tracking.to_wandb import WandbTracker

        return WandbTracker(runs)
    from sweeps.tracking.to_mlflow import MlflowTracker

    return MlflowTracker(runs)

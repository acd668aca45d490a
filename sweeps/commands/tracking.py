"""`--log`: where the trials of a sweep are shown beside TensorBoard."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simcvd.errors import UserError


class Tracker(StrEnum):
    """Trackers by the name of their library."""

    wandb = "wandb"
    mlflow = "mlflow"


LogOption = Annotated[
    list[Tracker] | None,
    typer.Option("--log", metavar="wandb|mlflow", help="Show trials in Weights & Biases or MLflow too; repeatable."),
]


def trackers(log: list[Tracker] | None, runs: Path) -> tuple[str, ...]:
    """Return what `--log` gave, each once.

    Raises:
        UserError: a library is missing here, or the runs are in an object store.
    """
    from sweeps.storage.store import url_in
    from sweeps.tracking.kinds import check_libraries

    kinds = tuple(dict.fromkeys(each.value for each in log or ()))
    check_libraries(kinds)
    if kinds and (url := url_in(runs)):
        raise UserError(f"--log {kinds[0]} needs a runs folder, but --out is {url}; choose a folder, or drop --log.")
    return kinds

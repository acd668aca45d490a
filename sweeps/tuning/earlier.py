"""What earlier searches found best, on whatever data: tried first."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from simcvd.config import from_file
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from sweeps.search.best import BEST_FILE

MOST: Final = 3
"""Earlier searches whose best settings are tried, the latest ones."""


def earlier_best(runs: Path, own: str, methods: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the best settings of the latest searches in a runs folder, of methods that are tuned now.

    Args:
        runs: the runs folder.
        own: name of the tuning, whose own search is left out.
        methods: those that may be searched.
    """
    files = sorted((runs / "sweeps").glob(f"*/{BEST_FILE}"), key=lambda file: file.stat().st_mtime, reverse=True)
    found = 0
    for file in files:
        if file.parent.name.startswith(f"{own}-"):
            continue
        try:
            settings = read_start(file)
        except UserError:  # of another version, or damaged: it helps nobody
            continue
        if settings["method"] in methods and found < MOST:
            found += 1
            yield settings


def read_start(file: Path) -> dict[str, Any]:
    """Return all settings of a `best.yaml`, or of a trial's `config.yaml`, as dotted keys.

    Raises:
        UserError: there is no such file, or it holds other things.
    """
    return flatten(from_file(file))

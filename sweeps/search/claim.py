"""Which search a sweep's folder belongs to: `RUNS/sweeps/NAME/search/identity.json`."""

import json
import os
from pathlib import Path
from typing import Final

from simcvd.files import write_file

_IDENTITY: Final = "identity.json"


def claim(folder: Path, identity: str) -> Path:
    """Return the folder of the search `identity`; what another one left in its place is moved aside and kept.

    Args:
        folder: `RUNS/sweeps/NAME`, locked by the caller.
        identity: `SearchPlan.identity`.
    """
    place, journal = folder / "search", folder / "study.journal"
    there = read_identity(place)
    if there == identity:
        return place
    if place.exists():
        _move(place, folder / f"search-{there or 'unknown'}")
        if journal.exists():
            _move(journal, folder / f"study-{there or 'unknown'}.journal")
    earlier = folder / f"search-{identity}"
    if earlier.exists():
        _move(earlier, place)
        if (kept := folder / f"study-{identity}.journal").exists():
            _move(kept, journal)
    write_file(place / _IDENTITY, json.dumps({"identity": identity}, indent=1) + "\n")
    return place


def read_identity(place: Path) -> str | None:
    """Return which search has left its files in `place`; none where there are none."""
    try:
        return str(json.loads((place / _IDENTITY).read_text())["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _move(source: Path, target: Path) -> None:
    number = 1
    free = target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.name}-{number}")
    os.replace(source, free)

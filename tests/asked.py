"""What a command asks for, from plain keywords."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from sweeps.definition.catalogue import SweepFile
from sweeps.definition.changes import Changes
from sweeps.request import Budget, SweepRequest


def asked(sweep: SweepFile, dataset: Path, runs: Path, **given: Any) -> SweepRequest:
    """Return a request; what belongs to its changes or its budget is sorted into them."""
    parts = {}
    for name, kind in (("changes", Changes), ("budget", Budget)):
        own = {field.name: given.pop(field.name) for field in fields(kind) if field.name in given}
        parts[name] = kind(**own)
    return SweepRequest(sweep, dataset, runs, **parts | given)

"""What the Tab key offers: names that a shell can not know. Loaded with the command line, so it imports late."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

_CATALOGUE = Path(__file__).parents[2] / "catalog"


def complete_sweeps(incomplete: str) -> list[str]:
    """Offer the built-in sweeps and the YAML files of this folder."""
    names = [path.stem for path in _CATALOGUE.glob("*.yaml")] + [path.name for path in Path().glob("*.y*ml")]
    return sorted(name for name in names if name.startswith(incomplete))


def complete_methods(incomplete: str) -> Iterator[tuple[str, str]]:
    """Offer the training methods."""
    from simcvd.methods.registry import describe

    yield from ((entry.name, entry.summary) for entry in describe() if entry.name.startswith(incomplete))


def complete_method_list(incomplete: str) -> list[str]:
    """Offer a further method of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name, _ in complete_methods(last)]


def complete_presets(incomplete: str) -> list[str]:
    """Offer the presets, and a data set's own plan."""
    from simcvd.config.edit import PLAN, PRESETS

    return [name for name in (*PRESETS, PLAN) if name.startswith(incomplete)]


def complete_keys(incomplete: str) -> list[str]:
    """Offer the keys of the settings."""
    from simcvd.config import dotted_keys

    return [key for key in dotted_keys() if key.startswith(incomplete)]


def complete_assignments(incomplete: str) -> list[str]:
    """Offer KEY= for each setting."""
    return [f"{key}=" for key in complete_keys(incomplete)]


def complete_devices(incomplete: str) -> list[str]:
    """Offer where to compute."""
    return [name for name in ("auto", "cpu", "cuda") if name.startswith(incomplete)]


def complete_finished_sweeps(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the sweeps of the runs folder."""
    runs: Any = context.params.get("runs")
    found = (Path(runs or "runs") / "sweeps").glob("*/sweep.yaml")
    return sorted(path.parent.name for path in found if path.parent.name.startswith(incomplete))

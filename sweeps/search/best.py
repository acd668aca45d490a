"""The best settings of a search: which they are, as a file and as the command to paste."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from analysis.runs.tried_setting import TriedSetting
from simcvd.config import load_preset
from simcvd.config.edit import flatten
from simcvd.files import write_file
from simcvd.nested import written
from sweeps.search.plan import SearchPlan

BEST_FILE = "best.yaml"


def best_of(records: Iterable[TriedSetting]) -> TriedSetting | None:
    """Return the complete setting with the highest val score, the earliest of equal ones."""
    complete = [record for record in records if record.scored]
    return max(complete, key=lambda record: (record.value, -record.number), default=None)


def train_command(plan: SearchPlan, record: TriedSetting, dataset: Path, runs: Path, preset: str) -> str:
    """Return the `simcvd train` line that trains a setting for the full schedule, with the seed of the search."""
    values = flatten(plan.full(record.params))
    sets = [part for key, value in _changes(values, preset).items() for part in ("--set", f"{key}={written(value)}")]
    return shlex.join(["simcvd", "train", str(dataset), "--out", str(runs), "--preset", preset, *sets])


def write_best(folder: Path, plan: SearchPlan, record: TriedSetting, command: str) -> Path:
    """Write `best.yaml`, all settings as `simcvd train --config` reads them; return its path."""
    config = plan.full(record.params)
    path = folder / BEST_FILE
    text = (
        f"# Best of the search {plan.name}: setting {record.number}, {plan.metric} {record.value:.4f} on val cases.\n"
        f"# {command}\n{yaml.safe_dump(config.model_dump(mode='json'), sort_keys=False)}"
    )
    write_file(path, text)
    return path


def _changes(values: Mapping[str, Any], preset: str) -> dict[str, Any]:
    base = flatten(load_preset(preset))
    return {key: value for key, value in values.items() if value != base[key]}

"""The best settings of a search: which they are, as a file and as the command to paste."""

import math
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from analysis.runs.sweep import written
from simcvd.config import load_preset
from simcvd.config.edit import flatten
from sweeps.search.plan import SearchPlan
from sweeps.status.search import SettingRecord

BEST_FILE = "best.yaml"


def best_of(records: Iterable[SettingRecord]) -> SettingRecord | None:
    """Return the complete setting with the highest val score, the earliest of equal ones."""
    complete = [record for record in records if is_scored(record)]
    return max(complete, key=lambda record: (record.value, -record.number), default=None)


def is_scored(record: SettingRecord) -> bool:
    """Tell whether a setting was trained to the end and has a score."""
    return record.state == "complete" and record.value is not None and math.isfinite(record.value)


def train_command(plan: SearchPlan, record: SettingRecord, dataset: Path, runs: Path, preset: str) -> str:
    """Return the `simcvd train` line that trains a setting for the full schedule, with the seed of the search."""
    _, config = plan.trial(record.params, plan.steps)
    values = flatten(config)
    sets = [part for key, value in _changes(values, preset).items() for part in ("--set", f"{key}={written(value)}")]
    return shlex.join(["simcvd", "train", str(dataset), "--out", str(runs), "--preset", preset, *sets])


def write_best(folder: Path, plan: SearchPlan, record: SettingRecord, command: str) -> Path:
    """Write `best.yaml`, all settings as `simcvd train --config` reads them; return its path."""
    _, config = plan.trial(record.params, plan.steps)
    path = folder / BEST_FILE
    text = (
        f"# Best of the search {plan.name}: setting {record.number}, {plan.metric} {record.value:.4f} on val cases.\n"
        f"# {command}\n{yaml.safe_dump(config.model_dump(mode='json'), sort_keys=False)}"
    )
    partial = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    partial.write_text(text)
    os.replace(partial, path)
    return path


def _changes(values: Mapping[str, Any], preset: str) -> dict[str, Any]:
    base = flatten(load_preset(preset))
    return {key: value for key, value in values.items() if value != base[key]}

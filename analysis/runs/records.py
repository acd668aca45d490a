"""The parquet records of a runs folder: `results/cases/ID.parquet` and `results/trials/ID.parquet`, one file a trial.

The only writer and the owner of the schema. Files appear by rename, so trials on many machines append at once and a
reader sees whole files only. Missing numbers are stored as null, never as NaN or 0, so that SQL and R skip them too.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.runs.parquet import is_missing, read_files, write_rows
from simcvd.metrics.names import DISTANCES, METRICS, OVERLAPS, SURFACE_DICES

if TYPE_CHECKING:
    import pandas as pd

CASE_SCHEMA: Final[Mapping[str, str]] = {
    "trial_id": "string",
    "config_hash": "string",
    "method": "string",
    "seed": "int64",
    "label_split": "int64",
    "dataset": "string",
    "split": "string",
    "case_id": "string",
    "class_id": "int64",
    "class_name": "string",
    **dict.fromkeys((*OVERLAPS, *DISTANCES), "double"),
    "predicted_voxels": "int64",
    "reference_voxels": "int64",
    "empty_prediction": "bool",
    "empty_reference": "bool",
    **dict.fromkeys(SURFACE_DICES, "double"),
}
"""Columns and Arrow types of a case file: one row per split, case and foreground class."""

TRIAL_SCHEMA: Final[Mapping[str, str]] = {
    "trial_id": "string",
    "config_hash": "string",
    "method": "string",
    "seed": "int64",
    "label_split": "int64",
    "dataset": "string",
    "dataset_digest": "string",
    "status": "string",
    "failure_kind": "string",
    "failure_message": "string",
    "steps": "int64",
    "seconds": "double",
    "device": "string",
    "precision": "string",
    "versions": "string",
    "git_commit": "string",
}
"""Columns and Arrow types of a trial file, one row; every setting adds a column `setting.<dotted key>` of its type."""

SETTING_PREFIX: Final = "setting."
STATUSES: Final = ("finished", "validated", "stopped", "failed", "interrupted")
"""Only a `finished` trial enters tables. `validated`: it lacks the test scores; `stopped`: a search ended it early."""

_CASE_OPTIONAL = {"label_split", *METRICS}
_TRIAL_REQUIRED = ("trial_id", "config_hash", "method", "seed", "status")


def write_cases(runs: Path, trial_id: str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the scores of a trial, in place of any that it had; hand over all splits at once.

    Args:
        runs: the runs folder.
        trial_id: the trial that all rows belong to.
        rows: one mapping with the keys of `CASE_SCHEMA` per split, case and class; a metric without a value is None or
            NaN.

    Returns:
        The path of the file.

    Raises:
        ValueError: a key is missing or unknown, a row appears twice or belongs to another trial, or a distance is given
            where a mask is empty.
    """
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        if row.keys() != CASE_SCHEMA.keys():
            raise ValueError(f"keys of a case row differ from CASE_SCHEMA: {sorted(row.keys() ^ CASE_SCHEMA.keys())}")
        if nulls := [key for key in CASE_SCHEMA if key not in _CASE_OPTIONAL and row[key] is None]:
            raise ValueError(f"a case row has no value for {', '.join(nulls)}")
        if row["trial_id"] != trial_id:
            raise ValueError(f"a row of trial {row['trial_id']} was handed over for trial {trial_id}")
        if (key := (row["split"], row["case_id"], row["class_id"])) in seen:
            raise ValueError(f"split, case and class {key} appear twice")
        seen.add(key)
        if row["empty_prediction"] or row["empty_reference"]:
            for name in DISTANCES:
                if not is_missing(row[name]):
                    raise ValueError(f"{name} of {key} is {row[name]}, expected missing: one of the masks is empty")
    return write_rows(runs / "results" / "cases" / f"{trial_id}.parquet", rows, CASE_SCHEMA, {})


def write_trial(runs: Path, row: Mapping[str, Any]) -> Path:
    """Write what became of a trial, in place of what was written before.

    Args:
        runs: the runs folder.
        row: keys of `TRIAL_SCHEMA` (absent ones are missing) and `setting.<dotted key>` with values of JSON types;
            `versions` may be a mapping and is stored as JSON.

    Returns:
        The path of the file.

    Raises:
        ValueError: an unknown key, an unknown status, or no trial_id, config_hash, method, seed or status.
    """
    settings = {key: value for key, value in row.items() if key.startswith(SETTING_PREFIX)}
    base = {key: value for key, value in row.items() if key not in settings}
    if unknown := base.keys() - TRIAL_SCHEMA.keys():
        raise ValueError(f"a trial row has unknown keys: {', '.join(sorted(unknown))}")
    if absent := [key for key in _TRIAL_REQUIRED if base.get(key) is None]:
        raise ValueError(f"a trial row has no value for {', '.join(absent)}")
    if base["status"] not in STATUSES:
        raise ValueError(f"status is {base['status']!r}, expected one of {', '.join(STATUSES)}")
    if isinstance(base.get("versions"), Mapping):
        base["versions"] = json.dumps(base["versions"], sort_keys=True)
    full = dict.fromkeys(TRIAL_SCHEMA) | base
    path = runs / "results" / "trials" / f"{base['trial_id']}.parquet"
    return write_rows(path, [full], TRIAL_SCHEMA, dict(sorted(settings.items())))


def read_cases(
    runs: Path, trial_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
) -> "pd.DataFrame":
    """Read per-case scores.

    Args:
        runs: the runs folder.
        trial_ids: trials to read, those without a file are passed over; None reads all.
        columns: columns to read; None reads all of `CASE_SCHEMA`.

    Returns:
        One row per trial, split, case and class, sorted by these; missing metrics are NaN.

    Raises:
        AnalysisError: a file is damaged, foreign or of a newer format.
    """
    paths = _paths(runs / "results" / "cases", trial_ids)
    frame = read_files(paths, CASE_SCHEMA, columns if columns is not None else list(CASE_SCHEMA))
    keys = [key for key in ("trial_id", "split", "case_id", "class_id") if key in frame.columns]
    return frame.sort_values(keys, ignore_index=True) if keys else frame


def read_trials(
    runs: Path, trial_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
) -> "pd.DataFrame":
    """Read what became of the trials.

    Files may differ in their setting columns: a setting that a file lacks is missing there; one that has numbers in
    some files and words in others is read as words.

    Args:
        runs: the runs folder.
        trial_ids: trials to read, those without a file are passed over; None reads all.
        columns: columns of `TRIAL_SCHEMA` and settings to read, settings that no trial has are passed over; None reads
            all.

    Returns:
        One row a trial, sorted by `trial_id`: the columns of `TRIAL_SCHEMA`, then the settings by name.

    Raises:
        AnalysisError: a file is damaged, foreign or of a newer format.
    """
    frame = read_files(_paths(runs / "results" / "trials", trial_ids), TRIAL_SCHEMA, columns)
    return frame.sort_values("trial_id", ignore_index=True) if "trial_id" in frame.columns else frame


def _paths(folder: Path, trial_ids: Iterable[str] | None) -> list[Path]:
    if not folder.is_dir():
        return []
    there = {path.stem: path for path in folder.glob("*.parquet")}
    names = sorted(there) if trial_ids is None else sorted(set(trial_ids) & there.keys())
    return [there[name] for name in names]

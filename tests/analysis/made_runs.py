"""A runs folder in which every score is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis.runs.records import write_cases, write_trial
from simcvd.metrics.names import METRICS

Variants = Mapping[str, Mapping[int | tuple[int, int], Sequence[Mapping[str, Any]] | str | None]]


def case_row(trial_id: str, case_id: str, class_id: int = 1, seed: int = 0, **given: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "trial_id": trial_id,
        "config_hash": "0" * 64,
        "method": "simcvd",
        "seed": seed,
        "label_split": None,
        "dataset": "toy",
        "split": "test",
        "case_id": case_id,
        "class_id": class_id,
        "class_name": f"class {class_id}",
        **dict.fromkeys(METRICS),
        "predicted_voxels": 10,
        "reference_voxels": 12,
        "empty_prediction": False,
        "empty_reference": False,
    }
    return row | given


def trial_row(trial_id: str, seed: int = 0, status: str = "finished", **given: Any) -> dict[str, Any]:
    return {
        "trial_id": trial_id,
        "config_hash": "0" * 64,
        "method": "simcvd",
        "seed": seed,
        "status": status,
    } | given


def write_toy_sweep(
    runs: Path, variants: Variants, reference: str | None = "ref", metric: str = "dice", also: Sequence[str] = ()
) -> Path:
    """Write a sweep of variants with rows of scores per replicate; None is a trial without records, a word a failure.

    A replicate is a seed, or a seed and a label split.
    """
    listed = []
    for name, replicates in variants.items():
        trials = []
        for replicate, rows in replicates.items():
            seed, split = replicate if isinstance(replicate, tuple) else (replicate, None)
            trial_id = f"{name.replace(' ', '').replace('/', '_')}-s{seed}" + ("" if split is None else f"-l{split}")
            trials.append({"seed": seed, "id": trial_id} | ({} if split is None else {"label_split": split}))
            if isinstance(rows, str):
                write_trial(runs, trial_row(trial_id, seed, "failed", failure_kind=rows))
            elif rows is not None:
                write_cases(runs, trial_id, [case_row(trial_id, seed=seed, **row) for row in rows])
                write_trial(runs, trial_row(trial_id, seed))
        listed.append({"name": name, "set": {}, "trials": trials})
    folder = runs / "sweeps" / "toy"
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "name": "toy",
        "metric": metric,
        "also": list(also),
        "reference": reference,
        "dataset": {"name": "toy", "digest": "d", "path": "elsewhere"},
        "seeds": [0, 1],
        "variants": listed,
        "published": None,
    }
    (folder / "sweep.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return runs

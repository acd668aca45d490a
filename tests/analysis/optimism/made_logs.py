"""Logs of trials whose validations are known, and a sweep of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.runs.records import write_cases
from tests.analysis.made_runs import case_row, write_toy_sweep

Validations = Mapping[int, float | None]
VAL_CASES = ("v0", "v1", "v2")


def write_log(runs: Path, trial: str, validations: Validations, steps: int = 40, name: str = "student_dice") -> None:
    """Write a log with a line at each validation, and one that tells how many steps there are."""
    lines: list[dict[str, Any]] = [{"step": 1, "steps": steps, "losses": {"dice": 0.9}}]
    lines += [{"step": step, "steps": steps, "val": {name: value}} for step, value in validations.items()]
    path = runs / "trials" / trial / "log.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def scored_on(trial: str, seed: int, dice: float, val_cases: Sequence[str] = VAL_CASES) -> list[dict[str, Any]]:
    """Two test cases, `dice` in the mean, and val cases."""
    test = [case_row(trial, case, seed=seed, dice=dice + more) for case, more in (("t0", -0.1), ("t1", 0.1))]
    return [*test, *(case_row(trial, case, seed=seed, split="val", dice=0.5) for case in val_cases)]


def write_sweep_with_logs(runs: Path) -> Path:
    """Write a sweep `toy` of two variants and two seeds; its optimism is worked out in `test_of_sweep`."""
    dice = {"ref": {0: 0.80, 1: 0.82}, "new": {0: 0.70, 1: 0.72}}
    write_toy_sweep(runs, {name: {seed: [] for seed in own} for name, own in dice.items()})
    for name, own in dice.items():
        for seed, mean in own.items():
            write_cases(runs, f"{name}-s{seed}", scored_on(f"{name}-s{seed}", seed, mean))
    write_log(runs, "ref-s0", {10: 0.50, 20: 0.66, 30: 0.64, 40: 0.60})
    write_log(runs, "ref-s1", {10: 0.50, 20: 0.55, 30: 0.58, 40: 0.62})
    write_log(runs, "new-s0", {20: 0.55, 40: 0.51})
    write_log(runs, "new-s1", {40: 0.53})
    return runs

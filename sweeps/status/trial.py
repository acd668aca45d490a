"""What the files of a trial say: its log and its result row. Nothing here starts or changes a trial."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sweeps.status.lock import FRESH_LOG_S, changed, is_held, locked_here

Recorded = Literal["finished", "validated", "stopped", "failed", "interrupted"]
"""What the row of a trial says."""

State = Literal[Recorded, "waiting", "running", "evaluating"]


_LOG_TAIL_BYTES = 65_536


@dataclass(frozen=True)
class TrialState:
    """One trial as its files show it.

    Attributes:
        id: the trial's id.
        state: `interrupted` continues when the command runs again; `evaluating` follows the last training step;
            `validated` lacks the test scores alone; `stopped` was ended early by a search.
        step: training steps done.
        steps: training steps in all; 0 where unknown.
        steps_per_second: recent rate.
        eta_seconds: training time left at that rate.
        evaluation_seconds: from the last training step to the results, of a finished trial.
        dice: mean Dice over cases and classes.
        dice_split: `val` or `test`, where `dice` comes from.
        val_dice: of a trial with scores: mean Dice on the val cases, whatever `dice` is.
        validations: of a trial that is not finished: step and mean Dice on the val cases of the validations that the
            end of its log tells of, oldest first.
        failure_kind: such as `nan`.
        failure_message: one sentence.
    """

    id: str
    state: State
    step: int = 0
    steps: int = 0
    steps_per_second: float | None = None
    eta_seconds: float | None = None
    evaluation_seconds: float | None = None
    dice: float | None = None
    dice_split: str | None = None
    val_dice: float | None = None
    failure_kind: str | None = None
    failure_message: str | None = None
    validations: tuple[tuple[int, float], ...] = ()

    @property
    def last_val_dice(self) -> float | None:
        """Mean Dice on the val cases, the last one known."""
        return self.dice if self.dice_split == "val" else self.val_dice


def trial_folder(runs: Path, trial_id: str) -> Path:
    """Return `RUNS/trials/ID`."""
    return runs / "trials" / trial_id


def result_path(runs: Path, trial_id: str) -> Path:
    """Return the path of the row that says what became of the trial."""
    return runs / "results" / "trials" / f"{trial_id}.parquet"


def case_path(runs: Path, trial_id: str) -> Path:
    """Return the path of the trial's per-case scores."""
    return runs / "results" / "cases" / f"{trial_id}.parquet"


def read_result(runs: Path, trial_id: str) -> dict[str, Any] | None:
    """Return the status, failure, steps and seconds that were recorded, or none; a damaged file counts as none."""
    columns = ["status", "failure_kind", "failure_message", "steps", "seconds"]
    rows = _rows(result_path(runs, trial_id), columns)
    return rows[0] if rows else None


def recorded_precision(runs: Path, trial_id: str) -> str | None:
    """Return the arithmetic that a trial ran in; none where it has failed or not begun, as it enters no table then."""
    row = read_result(runs, trial_id)
    if row is not None and row["status"] == "failed":
        return None
    rows = _rows(result_path(runs, trial_id), ["precision"])
    if rows and rows[0]["precision"]:
        return str(rows[0]["precision"])
    try:  # rows of version 0.1 do not say it, and what was cut off has no row
        environment = json.loads((trial_folder(runs, trial_id) / "environment.json").read_text())
    except (OSError, ValueError):
        return None
    found = environment.get("precision") if isinstance(environment, dict) else None
    return str(found) if found else None


def is_finished(runs: Path, trial_id: str) -> bool:
    """Tell whether the trial has all its results."""
    row = read_result(runs, trial_id)
    return row is not None and row["status"] == "finished" and case_path(runs, trial_id).exists()


def is_validated(runs: Path, trial_id: str) -> bool:
    """Tell whether the trial is trained and scored on the val cases, and has what scoring the test cases takes."""
    row = read_result(runs, trial_id)
    return row is not None and row["status"] == "validated" and has_val_scores(runs, trial_id)


def has_val_scores(runs: Path, trial_id: str) -> bool:
    """Tell whether the trial's weights are there, and scores of them."""
    from simcvd.inference.weights import WEIGHTS_FILE

    scores = _rows(case_path(runs, trial_id), ["split"])
    return scores is not None and (trial_folder(runs, trial_id) / WEIGHTS_FILE).exists()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the last reports of `log.jsonl`, oldest first; a line cut off by a kill is passed over."""
    try:
        with (folder / "log.jsonl").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LOG_TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return []
    reports = []
    for line in lines:
        try:
            report = json.loads(line)
            if isinstance(report, dict) and "step" in report:
                reports.append(report)
        except ValueError:
            continue
    return reports


def read_trial(runs: Path, trial_id: str, *, steps: int = 0) -> TrialState:
    """Read one trial.

    Args:
        runs: the runs folder.
        trial_id: the trial's id.
        steps: its training steps, for a trial that has not reported yet.
    """
    folder = trial_folder(runs, trial_id)
    row = read_result(runs, trial_id)
    if row is not None and row["status"] == "finished" and case_path(runs, trial_id).exists():
        return _scored(runs, trial_id, row, "finished")
    log = read_log(folder)
    step, steps = (int(log[-1]["step"]), int(log[-1].get("steps") or steps)) if log else (0, steps)
    validations = _validations(log)
    dice, split = (validations[-1][1], "val") if validations else (None, None)
    if _is_running(runs, trial_id):
        rate = _rate(log)
        return TrialState(
            trial_id,
            "evaluating" if steps and step >= steps else "running",
            step,
            steps,
            steps_per_second=rate,
            eta_seconds=(steps - step) / rate if rate else None,
            dice=dice,
            dice_split=split,
            validations=validations,
        )
    if row is not None and row["status"] == "failed":
        kind, message = row["failure_kind"], row["failure_message"]
        return TrialState(trial_id, "failed", step, steps, failure_kind=kind, failure_message=message)
    if row is not None and row["status"] == "validated" and case_path(runs, trial_id).exists():
        return _scored(runs, trial_id, row, "validated")
    begun = row is not None or bool(log) or (folder / "checkpoint").is_dir()
    state: State = "interrupted" if begun else "waiting"
    if row is not None and row["status"] == "stopped":
        state = "stopped"
    return TrialState(trial_id, state, step, steps, dice=dice, dice_split=split, validations=validations)


def _is_running(runs: Path, trial_id: str) -> bool:
    folder = trial_folder(runs, trial_id)
    if is_held(folder):
        return True
    if locked_here(folder):
        return False
    # Not every network file system passes locks on between hosts.
    logged, recorded = changed(folder / "log.jsonl"), changed(result_path(runs, trial_id))
    return logged > recorded and time.time() - logged < FRESH_LOG_S


def _scored(runs: Path, trial_id: str, row: Mapping[str, Any], state: Literal["finished", "validated"]) -> TrialState:
    steps, seconds = int(row["steps"] or 0), row["seconds"]
    scores = _rows(case_path(runs, trial_id), ["split", "dice"]) or []
    split = "test" if state == "finished" and any(score["split"] == "test" for score in scores) else "val"
    dice = {name: _mean([score["dice"] for score in scores if score["split"] == name]) for name in (split, "val")}
    folder = trial_folder(runs, trial_id)
    try:
        # The test cases of a validated trial may be scored days after its training.
        began = max((folder / name).stat().st_mtime for name in ("log.jsonl", "lock") if (folder / name).exists())
        evaluation = max(0.0, result_path(runs, trial_id).stat().st_mtime - began)
    except (OSError, ValueError):
        evaluation = None
    return TrialState(
        trial_id,
        state,
        steps,
        steps,
        steps_per_second=steps / seconds if seconds else None,
        evaluation_seconds=evaluation,
        dice=dice[split],
        dice_split=None if dice[split] is None else split,
        val_dice=dice["val"],
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _rows(path: Path, columns: list[str]) -> list[dict[str, Any]] | None:
    """Return some columns of a parquet file; none where it is missing or damaged."""
    if not path.exists():
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not pq.read_table, whose plans for many files at once take longer than one small file.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if set(columns) - set(file.schema_arrow.names):
                return None
            rows: list[dict[str, Any]] = file.read(columns, use_threads=False).to_pylist()
    except (pa.ArrowException, OSError):
        return None
    return rows


def _rate(log: list[dict[str, Any]]) -> float | None:
    points = [(report["step"], report["seconds"]) for report in log[-10:] if report.get("seconds")]
    if not points:
        return None
    (first_step, first_s), (last_step, last_s) = (points[0] if len(points) > 1 else (0, 0.0)), points[-1]
    return (last_step - first_step) / (last_s - first_s) if last_s > first_s and last_step > first_step else None


def _validations(log: list[dict[str, Any]]) -> tuple[tuple[int, float], ...]:
    """Return steps and mean Dice on the val cases; the network that predicts comes first in a report."""
    scores = (
        (int(report["step"]), [value for value in (report.get("val") or {}).values() if value is not None])
        for report in log
    )
    return tuple({step: values[0] for step, values in scores if values}.items())

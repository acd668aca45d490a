"""What is recorded of one trial: its row, its case scores and its failure."""

import json
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.runs.masks import masks_path
from analysis.runs.records import CASE_SCHEMA, SETTING_PREFIX, read_cases, write_trial
from simcvd.config import TrialConfig, config_hash
from simcvd.config.edit import flatten
from simcvd.files import write_file
from sweeps.status.trial import Recorded, case_path, read_log, result_path, trial_folder

FAILURE_FILE = "failure.txt"


@dataclass(frozen=True)
class TrialStatus:
    """What became of a trial.

    Attributes:
        trial_id: the trial's id.
        state: `interrupted` continues when the command runs again; `validated` is trained and scored on the val cases,
            and lacks the test scores alone; `stopped` was ended early by a search, and continues where it is wanted.
        skipped: nothing was computed, the state is from before.
        kind: of a failure, such as `nan`, `out_of_memory` or the name of an exception.
        message: one sentence on a failure or interruption.
        steps: training steps done.
        seconds: spent in them, over all sessions.
    """

    trial_id: str
    state: Recorded
    skipped: bool = False
    kind: str | None = None
    message: str | None = None
    steps: int = 0
    seconds: float = 0.0


class TrialRecords:
    """The records of one trial.

    Args:
        config: its settings.
        dataset: data set folder.
        runs: runs folder.
        trial_id: the trial's id.
    """

    def __init__(self, config: TrialConfig, dataset: Path, runs: Path, trial_id: str) -> None:
        from simcvd.data.store import open_info

        self.config, self.runs, self.id = config, runs, trial_id
        self.folder = trial_folder(runs, trial_id)
        self.info = open_info(dataset)
        self._identity = {
            "trial_id": trial_id,
            "config_hash": config_hash(config, self.info.digest),
            "method": config.method,
            "seed": config.seed,
            "label_split": config.data.label_split,
            "dataset": self.info.name,
        }

    def write(
        self,
        state: Recorded,
        *,
        kind: str | None = None,
        message: str | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        write: bool = True,
    ) -> TrialStatus:
        """Write the trial's row and return what it says; steps and seconds come from the log where they are not given.

        Args:
            state: what became of it.
            kind: of a failure.
            message: one sentence.
            steps: training steps done.
            seconds: spent in them.
            write: false on workers that only need the answer.
        """
        last: dict[str, Any] = next(reversed(read_log(self.folder)), {})
        steps = int(last.get("step", 0)) if steps is None else steps
        seconds = float(last.get("seconds") or 0) if seconds is None else seconds
        if write:
            environment = _environment(self.folder)
            write_trial(
                self.runs,
                self._identity
                | {
                    "dataset_digest": self.info.digest,
                    "status": state,
                    "failure_kind": kind,
                    "failure_message": message if state == "failed" else None,
                    "steps": steps,
                    "seconds": seconds,
                    "device": environment.get("device_name") or environment.get("device"),
                    "precision": environment.get("precision"),
                    "versions": environment.get("packages"),
                    "git_commit": environment.get("git_commit"),
                }
                | {f"{SETTING_PREFIX}{key}": value for key, value in _told_settings(self.config).items()},
            )
        return TrialStatus(self.id, state, False, kind, message, steps, seconds)

    def fail(self, kind: str, error: Exception) -> TrialStatus:
        """Record a failure with its traceback."""
        write_file(self.folder / FAILURE_FILE, "".join(traceback.format_exception(error)))
        message = " ".join(str(error).split()) or type(error).__name__
        return self.write("failed", kind=kind, message=message)

    def rows(self, split: str, scores: Sequence[Any]) -> list[dict[str, Any]]:
        """Return scores of one split as rows of the case records."""
        known = self._identity | {"split": split}
        return [{key: known[key] if key in known else getattr(score, key) for key in CASE_SCHEMA} for score in scores]

    def recorded_rows(self, split: str) -> list[dict[str, Any]]:
        """Return the rows that were recorded of one split."""
        rows = read_cases(self.runs, [self.id])
        rows = rows[rows["split"] == split]
        return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def record_failure(
    config: TrialConfig, dataset: Path, runs: Path, trial_id: str, kind: str, message: str, log: str | None = None
) -> TrialStatus:
    """Record a trial that ended without being able to record itself, such as one whose process was killed.

    Args:
        config: its settings.
        dataset: data set folder.
        runs: runs folder.
        trial_id: the trial's id.
        kind: of failure.
        message: one sentence.
        log: what to keep in place of a traceback.
    """
    records = TrialRecords(config, dataset, runs, trial_id)
    if log is not None:
        write_file(records.folder / FAILURE_FILE, log)
    return records.write("failed", kind=kind, message=message)


def clear_half_written(runs: Path, trial_id: str) -> None:
    """Delete what killed processes left half-written of a trial; its lock is held by the caller.

    A trial without any file of an earlier session is not looked at more closely.
    """
    folder = trial_folder(runs, trial_id)
    if not any(path.name != "lock" for path in folder.iterdir()):
        return
    for part in (folder, folder / "checkpoint"):
        for path in part.glob("*.tmp-*"):
            path.unlink(missing_ok=True)
    for path in folder.glob("hang*.txt"):
        if path.stat().st_size == 0:  # it did not hang, but was killed before it could tidy up
            path.unlink(missing_ok=True)
    for path in (case_path(runs, trial_id), result_path(runs, trial_id), masks_path(runs, trial_id)):
        for half in path.parent.glob(f".{path.name}.tmp-*"):
            half.unlink(missing_ok=True)


def _told_settings(config: TrialConfig) -> dict[str, Any]:
    """Return every setting, without those of cross-validation where there is none: rows stay what they were before."""
    left_out = {f"data.{name}" for name in config.data.unread()}
    return {key: value for key, value in flatten(config).items() if key not in left_out}


def _environment(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

"""What a trial reported while it trained: `log.jsonl`, one JSON object a line, read into arrays."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate, in_order
from analysis.runs.sweep import PlannedVariant

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Course:
    """A number over the training steps at which it was reported; NaN where it was not finite."""

    steps: "Ints"
    values: "Floats"


@dataclass(frozen=True)
class TrainingLog:
    """A trial's courses.

    Attributes:
        name: what a figure calls the trial.
        losses: each loss term before its weight.
        validation: scores on the validation cases, from 0 to 1, by network and metric (`student_dice`).
        diagnostics: numbers beside the losses, such as `sdm_error` and `sdm_error_constant`.
        steps: steps planned.
    """

    name: str
    losses: Mapping[str, Course]
    validation: Mapping[str, Course]
    diagnostics: Mapping[str, Course]
    steps: int


def read_training_log(path: Path, name: str) -> TrainingLog:
    """Read a `log.jsonl`; a last line that a kill cut off is passed over.

    Raises:
        AnalysisError: the file can't be read, or a line before the last is no report.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnalysisError(f"The log {path} can't be read ({error}); give a trial that has begun to train.") from error
    reports = []
    for number, line in enumerate(lines, start=1):
        try:
            report = json.loads(line)
            int(report["step"]), int(report["steps"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break
            raise AnalysisError(
                f"Line {number} of the log {path} is no report ({type(error).__name__}: {error}); "
                "delete the trial's folder and run the same command again to train it anew."
            ) from error
        reports.append(report)
    return TrainingLog(
        name=name,
        losses=_courses(reports, "losses"),
        validation=_courses(reports, "val"),
        diagnostics=_courses(reports, "diagnostics"),
        steps=max((int(report["steps"]) for report in reports), default=0),
    )


def read_training_logs(runs: Path, variant: PlannedVariant) -> dict[Replicate, TrainingLog]:
    """Read the logs of a variant's trials that have one.

    Raises:
        AnalysisError: as `read_training_log`.
    """
    paths = {each: runs / "trials" / variant.trials[each] / "log.jsonl" for each in in_order(variant.trials)}
    return {each: read_training_log(path, str(each)) for each, path in paths.items() if path.is_file()}


def _courses(reports: Iterable[Mapping[str, Any]], part: str) -> dict[str, Course]:
    import numpy as np

    found: dict[str, dict[int, float]] = {}
    for report in reports:
        for name, value in (report.get(part) or {}).items():
            # The last report of a step holds: the score after training stands beside that of the last validation.
            found.setdefault(name, {})[int(report["step"])] = float("nan") if value is None else float(value)
    return {
        name: Course(np.array(sorted(own), dtype=np.int64), np.array([own[step] for step in sorted(own)], dtype=float))
        for name, own in found.items()
    }

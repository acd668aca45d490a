"""Why trials failed, by kind: in words, with what to do and where each trial's own log is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweeps.status.sweep import TrialRow
from sweeps.status.trial import trial_folder

MOST_NAMED: Final = 5
"""Trials of one kind that are named; the rest is counted."""


@dataclass(frozen=True)
class Kind:
    """What a kind of failure means to the user.

    Attributes:
        words: its name in a sentence.
        advice: what to do, one or two sentences.
    """

    words: str
    advice: str


KINDS: Final[Mapping[str, Kind]] = {
    "out_of_memory": Kind(
        "out of memory",
        "Lower training.batch_labeled, training.batch_unlabeled or data.crop_vox with --set, or let fewer trials share "
        "the memory: --max-concurrent, --gpus-per-worker.",
    ),
    "nan": Kind(
        "not a number",
        "Lower training.learning_rate or the weight of the term that is named, or set training.precision=float32. It "
        "may come again with the same settings and seed.",
    ),
    "data": Kind(
        "bad data", "`simcvd inspect DATASET` names the cases that are not sound; prepare the data set again."
    ),
    "gpu_error": Kind(
        "GPU failed",
        "Look for the GPU's errors with `nvidia-smi` and in the system's log (`dmesg`) of the node that is named. A "
        "device-side assert is no fault of the GPU: a check in the trial's own computation failed, as for a label out "
        "of range, which `simcvd inspect DATASET` finds.",
    ),
    "worker_lost": Kind(
        "worker lost",
        "Its process was killed or its machine went away. Often the system's memory was short: try fewer trials at a "
        "time with --max-concurrent.",
    ),
    "hung": Kind(
        "hung",
        "It made no step for too long and was ended. Look for a file system or a GPU that does not answer, and for "
        "other programs on the same cores.",
    ),
    "disk_full": Kind("disk full", "Free space where the runs folder is."),
    "user": Kind("wrong settings", "Its message says what to change."),
}
"""Words and advice for the failure kinds in the records; any other kind is the name of an exception, which is a bug."""

_BUG_ADVICE: Final = "Its log ends with the traceback; this is worth a report."


@dataclass(frozen=True)
class FailureGroup:
    """The trials that failed in one way.

    Attributes:
        kind: as recorded, such as `nan`.
        rows: these trials, in the order of the sweep.
    """

    kind: str
    rows: tuple[TrialRow, ...]

    @property
    def words(self) -> str:
        """The kind in words."""
        known = KINDS.get(self.kind)
        return known.words if known else f"a bug, {self.kind}"

    @property
    def advice(self) -> str:
        """What to do."""
        known = KINDS.get(self.kind)
        return known.advice if known else _BUG_ADVICE

    @property
    def message(self) -> str:
        """The first trial's own sentence."""
        return self.rows[0].trial.failure_message or "no message"


def failure_groups(rows: Sequence[TrialRow]) -> list[FailureGroup]:
    """Return the failed trials among `rows` by kind, the most frequent kind first."""
    by_kind: dict[str, list[TrialRow]] = {}
    for row in rows:
        if row.trial.state == "failed":
            by_kind.setdefault(row.trial.failure_kind or "unknown", []).append(row)
    groups = [FailureGroup(kind, tuple(members)) for kind, members in by_kind.items()]
    return sorted(groups, key=lambda group: -len(group.rows))


def own_log(runs: Path, trial_id: str) -> Path | None:
    """Return the file that tells most about a trial, its traceback before its reports; None where it left nothing."""
    folder = trial_folder(runs, trial_id)
    return next((path for name in ("failure.txt", "log.jsonl") if (path := folder / name).exists()), None)


def failure_lines(runs: Path, rows: Sequence[TrialRow]) -> list[str]:
    """Return what a person is told of the failed trials: each kind with an example, advice and the trials' logs."""
    lines = []
    for group in failure_groups(rows):
        count = len(group.rows)
        lines += [f"{count} failed, {group.words}: {group.message}", f"  {group.advice}"]
        for row in group.rows[:MOST_NAMED]:
            log = own_log(runs, row.planned.id)
            lines.append(f"  {row.planned.name}: {log if log else f'{row.planned.id} left no log'}")
        if count > MOST_NAMED:
            lines.append(f"  and {count - MOST_NAMED} more")
    return lines

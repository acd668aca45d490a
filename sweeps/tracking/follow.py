"""Pass on what the trials of a sweep have written: their logs and records are read, nothing of them is changed.

What has been sent is written down, so a command that goes on with a sweep sends the rest and nothing twice.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from simcvd.files import write_file
from simcvd.nested import dotted, leaves
from sweeps.status.trial import TrialState, read_trial, result_path, trial_folder
from sweeps.tracking.names import NamedRun, named_runs
from sweeps.tracking.tracker import Numbers, Tracker

_OVER: Final = frozenset({"finished", "validated", "stopped", "failed"})
_NOT_SHOWN: Final = frozenset({"step", "steps"})
_NOTHING: Final = -1
_KEY_LETTERS: Final = 16

Position = tuple[int, bool]
"""Of a report: its step, and whether it is the one after the last step, which holds no losses."""


@dataclass(frozen=True)
class Sent:
    """What a tracker has of a trial.

    Attributes:
        known: what the run is known by there.
        training: which training of the trial it is; one that begins anew is another run.
        step: of the last report.
        ended: whether the report after the last step is there.
        state: of the trial, if that was over.
    """

    known: str
    training: str
    step: int = _NOTHING
    ended: bool = False
    state: str | None = None


class Follower:
    """Passes on what is new, at each call of `send`.

    Args:
        runs: the runs folder.
        sweep: the sweep's name.
        kind: of the tracker, as the file of what has been sent is called.
        tracker: where it goes.
    """

    def __init__(self, runs: Path, sweep: str, kind: str, tracker: Tracker) -> None:
        self._runs, self._sweep, self._tracker = runs, sweep, tracker
        self._path = runs / "sweeps" / sweep / "sent" / f"{kind}.json"
        self._sent = _read(self._path)
        self._open: set[str] = set()
        self._seen: dict[str, tuple[_Stamp, _Stamp]] = {}

    def send(self) -> None:
        """Send what is new of each trial; whatever a tracker raises passes through, after what it has was noted."""
        before = dict(self._sent)
        try:
            for run in named_runs(self._runs, self._sweep):
                self._send(run)
        finally:
            if self._sent != before:
                content = {name: asdict(sent) for name, sent in self._sent.items()}
                write_file(self._path, json.dumps(content, indent=1) + "\n", durable=False)

    def _send(self, run: NamedRun) -> None:
        folder = trial_folder(self._runs, run.trial_id)
        stamps = _stamp(folder / "log.jsonl"), _stamp(result_path(self._runs, run.trial_id))
        if stamps == self._seen.get(run.title):
            return
        # Its state first: a trial that is over has written all its reports.
        trial = read_trial(self._runs, run.trial_id)
        reports = _reports(folder / "log.jsonl")
        if not reports:
            return
        sent = self._begun(run, reports[0], trial)
        new = [report for report in reports if _position(report) > (sent.step, sent.ended)]
        over = trial.state if trial.state in _OVER else None
        if not new and sent.state == over:
            self._seen[run.title] = stamps
            return
        sent = self._opened(run, sent)
        self._tracker.log(sent.known, [_numbers(report) for report in new])
        if new:
            sent = replace(sent, step=_position(new[-1])[0], ended=_position(new[-1])[1])
        if over is not None:
            self._tracker.finish(
                sent.known, _scores(trial, sent.step, with_test=run.with_test), failed=over == "failed"
            )
            self._open.discard(run.title)
        self._sent[run.title] = replace(sent, state=over)
        self._seen[run.title] = stamps

    def _begun(self, run: NamedRun, first: Mapping[str, Any], trial: TrialState) -> Sent:
        """Return what is known of the run, a new one where this training has none yet."""
        # Two trainings of a trial never took the same time to the last digit.
        training = hashlib.sha256(json.dumps(first, sort_keys=True).encode()).hexdigest()[:_KEY_LETTERS]
        sent = self._sent.get(run.title)
        return sent if sent is not None and sent.training == training else Sent("", training)

    def _opened(self, run: NamedRun, sent: Sent) -> Sent:
        """Begin the run, or go on with it, where this command has not done so."""
        if sent.known and run.title in self._open:
            return sent
        key = hashlib.sha256(f"{run.title} {run.trial_id} {sent.training}".encode()).hexdigest()[:_KEY_LETTERS]
        settings = _settings(trial_folder(self._runs, run.trial_id))
        sent = replace(sent, known=self._tracker.begin(run, key, sent.known or None, settings))
        self._open.add(run.title)
        self._sent[run.title] = sent
        return sent


_Stamp = tuple[int, int] | None


def _stamp(path: Path) -> _Stamp:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def _read(path: Path) -> dict[str, Sent]:
    """Read what has been sent; a damaged file counts as none, and the runs begin anew."""
    try:
        return {name: Sent(**sent) for name, sent in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _reports(log: Path) -> list[dict[str, Any]]:
    """Return all whole lines of a trial's log."""
    try:
        lines = log.read_text().splitlines()
    except OSError:
        return []
    reports = []
    for line in lines:
        try:
            report = json.loads(line)
        except ValueError:  # being written, or cut off by a kill
            continue
        if isinstance(report, dict) and isinstance(report.get("step"), int):
            reports.append(report)
    return reports


def _position(report: Mapping[str, Any]) -> Position:
    return int(report["step"]), "losses" not in report


def _numbers(report: Mapping[str, Any]) -> Numbers:
    """Return a report's numbers by the names that TensorBoard shows."""
    values = {
        "/".join(map(str, path)): float(value)
        for path, value in leaves(report)
        if isinstance(value, int | float) and not isinstance(value, bool) and path[0] not in _NOT_SHOWN
    }
    return Numbers(int(report["step"]), values)


def _scores(trial: TrialState, step: int, *, with_test: bool) -> Numbers:
    """Return the mean Dice over cases and classes on the val and on the test cases, where they are there."""
    scores = {"val_dice": trial.last_val_dice}
    if with_test and trial.dice_split == "test":
        scores["test_dice"] = trial.dice
    return Numbers(step, {name: value for name, value in scores.items() if value is not None})


def _settings(folder: Path) -> dict[str, Any]:
    """Return a trial's settings by dotted key."""
    content = yaml.safe_load((folder / "config.yaml").read_text())
    return dotted(content)

"""What takes the numbers of trials elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sweeps.tracking.names import NamedRun


@dataclass(frozen=True)
class Numbers:
    """What a trial reported after a step, by name."""

    step: int
    values: Mapping[str, float]


class Tracker(Protocol):
    """Where trials are shown as runs, each with its settings, numbers by step and an end."""

    def begin(self, run: NamedRun, key: str, known: str | None, settings: Mapping[str, Any]) -> str:
        """Begin a run, or go on with it.

        Args:
            run: the trial.
            key: the run's own among all, the same when it goes on.
            known: what was returned before, where the run goes on.
            settings: of the trial, by dotted key.

        Returns:
            What the run is known by there.
        """

    def log(self, known: str, reports: Sequence[Numbers]) -> None:
        """Add what was reported, oldest first."""

    def finish(self, known: str, scores: Numbers, *, failed: bool) -> None:
        """End a run, with its last scores."""

    def close(self) -> None:
        """Leave the runs that are not over, so that they can go on later."""

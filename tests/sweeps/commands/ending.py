"""Ways in which a sweep ends, without running."""

from typing import Any

import pytest

from sweeps.runner import SweepOutcome
from sweeps.status.sweep import Planned, SweepState, TrialRow
from sweeps.status.trial import TrialState

FAILED = TrialState("b", "failed", 3, 9, failure_kind="nan", failure_message="The loss is nan.")


def outcome_of(*trials: TrialState, interrupted: bool = False, left_out: int = 0) -> SweepOutcome:
    """Return how a sweep with these trials ended."""
    rows = tuple(TrialRow(Planned(trial.id, trial.id, 0), trial) for trial in trials)
    return SweepOutcome("dropout", SweepState("dropout", rows), len(rows), interrupted, 1.0, left_out=left_out)


def stub_sweep(monkeypatch: pytest.MonkeyPatch, end: SweepOutcome | BaseException) -> None:
    """Let a sweep say a sentence, print what nobody asked for, and end in a given way."""

    def run_sweep(*arguments: Any, console: Any, **options: Any) -> SweepOutcome:
        console.print("Starting.", markup=False)
        print("a stray line")
        if isinstance(end, BaseException):
            raise end
        return end

    monkeypatch.setattr("sweeps.runner.run_sweep", run_sweep)

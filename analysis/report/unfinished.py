"""Trials that did not end well: what failed and why, and what has not finished."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.runs.replicate import Replicate, in_order
from analysis.runs.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class UnfinishedTrial:
    """A trial that has not finished.

    Attributes:
        variant: the variant's name.
        replicate: of the trial.
        trial_id: its folder under `trials/`.
        state: `failed`, `interrupted`, `validated`, `stopped` or `no result yet`.
        kind: of a failure, such as `nan`.
        message: one sentence; empty where there is none.
        steps: training steps done, as far as recorded.
    """

    variant: str
    replicate: Replicate
    trial_id: str
    state: str
    kind: str
    message: str
    steps: int | None


def unfinished_trials(sweep: Sweep, trials: "pd.DataFrame") -> list[UnfinishedTrial]:
    """Return every trial without a finished record, in the order of the sweep, failed ones first.

    Args:
        sweep: the sweep.
        trials: what `read_trials` returns of it.
    """
    records = {str(row["trial_id"]): row for row in trials.to_dict("records")}
    found = []
    for variant in sweep.variants:
        for replicate in in_order(variant.trials):
            trial = variant.trials[replicate]
            record = records.get(trial, {"status": "no result yet"})
            if record["status"] == "finished":
                continue
            steps = _text(record.get("steps"))
            found.append(
                UnfinishedTrial(
                    variant=variant.name,
                    replicate=replicate,
                    trial_id=trial,
                    state=str(record["status"]),
                    kind=_text(record.get("failure_kind")),
                    message=_text(record.get("failure_message")),
                    steps=int(steps) if steps else None,
                )
            )
    return sorted(found, key=lambda trial: trial.state != "failed")


def _text(value: object) -> str:
    """Return a field of a record; nothing where it is missing."""
    return "" if value is None or value != value or str(value) == "<NA>" else str(value)

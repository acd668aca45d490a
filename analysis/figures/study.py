"""A search over settings as plain data: what its figures are drawn from, whoever ran it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from analysis.comparison.metric import Metric

State = Literal["complete", "pruned", "fail", "running", "waiting"]
"""Optuna's words for what became of a trial, in small letters."""


@dataclass(frozen=True)
class StudyTrial:
    """One trial of a search.

    Attributes:
        number: its place in the search, from 0.
        params: values of the searched settings, by dotted key; a key that was not drawn is absent.
        value: the objective in its stored unit; None where there is none.
        state: what became of it.
    """

    number: int
    params: Mapping[str, Any]
    value: float | None
    state: State

    @property
    def counts(self) -> bool:
        """Whether it has a value to be compared by: complete and finite."""
        return self.state == "complete" and self.value is not None and abs(self.value) < float("inf")


@dataclass(frozen=True)
class Study:
    """A search.

    Attributes:
        name: its name.
        metric: the objective.
        trials: in any order.
        logarithmic: settings that were searched on a logarithmic scale.
        importances: share of the objective's variance that each searched setting explains; empty where not known.
        weighed_on: what the importances were told from, in words.
    """

    name: str
    metric: Metric
    trials: tuple[StudyTrial, ...]
    logarithmic: frozenset[str] = frozenset()
    importances: Mapping[str, float] = field(default_factory=dict)
    weighed_on: str = ""

    @property
    def counting(self) -> list[StudyTrial]:
        """The trials that have a value, by number."""
        return sorted((trial for trial in self.trials if trial.counts), key=lambda trial: trial.number)

    @property
    def best(self) -> StudyTrial | None:
        """The trial with the best value, the earliest of equal ones."""
        sign = -1 if self.metric.higher_is_better else 1
        return min(self.counting, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def remarks(self) -> list[str]:
        """Say which trials have no value, in sentences."""
        words = {"pruned": "pruned", "fail": "failed", "running": "running", "waiting": "waiting"}
        counts = {word: sum(trial.state == state for trial in self.trials) for state, word in words.items()}
        counts["complete without a finite value"] = sum(t.state == "complete" and not t.counts for t in self.trials)
        return [f"{count} of {len(self.trials)} trials {word}." for word, count in counts.items() if count]

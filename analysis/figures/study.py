"""A search over settings as plain data: what its figures are drawn from, whoever ran it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from analysis.comparison.metric import Metric
from analysis.runs.tried_setting import TriedSetting


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
    trials: tuple[TriedSetting, ...]
    logarithmic: frozenset[str] = frozenset()
    importances: Mapping[str, float] = field(default_factory=dict)
    weighed_on: str = ""

    @property
    def counting(self) -> list[TriedSetting]:
        """The trials that have a value, by number."""
        return sorted((trial for trial in self.trials if trial.scored), key=lambda trial: trial.number)

    @property
    def best(self) -> TriedSetting | None:
        """The trial with the best value, the earliest of equal ones."""
        sign = -1 if self.metric.higher_is_better else 1
        return min(self.counting, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def called(self, labels: Mapping[str, str]) -> "Study":
        """Return it with settings called as a sweep labels them; those without a label keep their keys."""
        return replace(
            self,
            trials=tuple(
                replace(trial, params={labels.get(key, key): value for key, value in trial.params.items()})
                for trial in self.trials
            ),
            logarithmic=frozenset(labels.get(key, key) for key in self.logarithmic),
            importances={labels.get(key, key): share for key, share in self.importances.items()},
        )

    def remarks(self) -> list[str]:
        """Say which trials have no value, in sentences."""
        states = ("pruned", "failed", "running", "waiting")
        counts = {state: sum(trial.state == state for trial in self.trials) for state in states}
        counts["complete without a finite value"] = sum(t.state == "complete" and not t.scored for t in self.trials)
        return [f"{count} of {len(self.trials)} trials {word}." for word, count in counts.items() if count]

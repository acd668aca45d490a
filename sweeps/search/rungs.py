"""Which settings go on at a rung: the best of those compared there, or those not shown to be worse than the best."""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.comparison.importance import quiet
from analysis.runs.tried_setting import TriedSetting, read_setting, write_setting
from simcvd.files import write_file
from sweeps.definition.search_space import Strategy

BASE_NUMBER = 0
"""The base's own settings: what the best ones are compared with, so they are trained to the end."""


def among_best(own: float, others: Sequence[float], reduction: float) -> bool:
    """Tell whether `own` is among the best 1 / `reduction` of all values, itself included, rounded up.

    This is asynchronous successive halving (Li et al., MLSys 2020) by stopping: a rung is never waited for.

    >>> [among_best(0.7, others, 3) for others in ([], [0.8], [0.6, 0.5], [0.8, 0.6, 0.5])]
    [True, False, True, True]
    """
    return sum(other > own for other in others) < math.ceil((len(others) + 1) / reduction)


def not_worse(own: Mapping[str, float], best: Mapping[str, float], p: float) -> bool:
    """Tell whether the cases of `own` are not significantly below those of `best`, by Optuna's Wilcoxon pruner.

    Args:
        own: score of each case.
        best: score of each case under the best setting so far.
        p: threshold.
    """
    import optuna

    cases = sorted(own.keys() & best.keys())
    with quiet():
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=p)
        study = optuna.create_study(direction="maximize", pruner=pruner)
    mean = sum(best[case] for case in cases) / max(1, len(cases))
    values = {index: best[case] for index, case in enumerate(cases)}
    study.add_trial(optuna.trial.create_trial(value=mean, intermediate_values=values))
    trial = study.ask()
    for index, case in enumerate(cases):
        trial.report(own[case], index)
    return not trial.should_prune()


@dataclass(frozen=True)
class RungEntry:
    """What a setting reached at a rung.

    Attributes:
        value: mean over `cases`.
        cases: mean over classes of each val case.
        goes_on: what was decided then.
    """

    value: float
    cases: Mapping[str, float]
    goes_on: bool


@dataclass(frozen=True)
class Rung:
    """One place where settings are compared.

    Attributes:
        folder: `RUNS/sweeps/NAME/search`.
        steps: training steps after which it is.
        strategy: what decides.
    """

    folder: Path
    steps: int
    strategy: Strategy

    def goes_on(self, number: int, cases: Mapping[str, float]) -> bool:
        """Decide whether a setting goes on, and write down what it reached; a decision made once stays.

        Args:
            number: the setting's number.
            cases: score of each val case.
        """
        entries = read_rung(self.folder, self.steps)
        if number in entries and entries[number].cases == dict(cases):
            return entries[number].goes_on
        others = {other: entry for other, entry in entries.items() if other != number}
        value = mean(cases)
        answer = number == BASE_NUMBER or self._decide(value, cases, others)
        write_rung(self.folder, self.steps, number, RungEntry(value, dict(cases), answer))
        return answer

    def _decide(self, value: float, cases: Mapping[str, float], others: Mapping[int, RungEntry]) -> bool:
        if not others:
            return True
        if self.strategy.pruner == "wilcoxon":
            best = max(others.values(), key=lambda entry: entry.value)
            return not_worse(cases, best.cases, self.strategy.pruner_p)
        return among_best(value, [entry.value for entry in others.values()], self.strategy.reduction)


@dataclass(frozen=True)
class RungJudge:
    """Ends a full training at a rung where others do better; `simcvd.training` asks it.

    Attributes:
        folder: `RUNS/sweeps/NAME/search`.
        number: the setting's number.
        steps: of each rung.
        strategy: what decides.
        metric: which score of a case.
    """

    folder: Path
    number: int
    steps: Collection[int]
    strategy: Strategy
    metric: str

    def __call__(self, step: int, scores: Sequence[Any]) -> bool:
        """Return whether the training goes on."""
        cases = by_case((score.case_id, getattr(score, self.metric)) for score in scores)
        answer = Rung(self.folder, step, self.strategy).goes_on(self.number, cases)
        record = read_setting(self.folder, self.number) or TriedSetting(self.number, {})
        write_setting(self.folder, record.at_rung(step, mean(cases)))
        return answer


def write_rung(folder: Path, steps: int, number: int, entry: RungEntry) -> None:
    """Write `rungs/STEPS/NUMBER.json`."""
    path = folder / "rungs" / str(steps) / f"{number}.json"
    write_file(path, json.dumps(asdict(entry), indent=1) + "\n")


def read_rung(folder: Path, steps: int) -> dict[int, RungEntry]:
    """Read what every setting reached at a rung."""
    entries = {}
    for path in (folder / "rungs" / str(steps)).glob("*.json"):
        try:
            content = json.loads(path.read_text())
            entries[int(path.stem)] = RungEntry(float(content["value"]), content["cases"], bool(content["goes_on"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return entries


def by_case(scores: Any) -> dict[str, float]:
    """Return the mean over classes of each case, from pairs of case id and score; missing scores are left out."""
    found: dict[str, list[float]] = {}
    for case, score in scores:
        if score is not None and score == score:
            found.setdefault(case, []).append(float(score))
    return {case: sum(values) / len(values) for case, values in sorted(found.items())}


def case_means(trials: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return each case's mean over the trials that scored it.

    >>> case_means([{"a": 0.5, "b": 0.75}, {"a": 1.0, "c": 0.25}])
    {'a': 0.75, 'b': 0.75, 'c': 0.25}
    """
    return by_case(pair for scores in trials for pair in scores.items())


def mean(cases: Mapping[str, float]) -> float:
    """Return the mean over cases; NaN without any."""
    return sum(cases.values()) / len(cases) if cases else float("nan")

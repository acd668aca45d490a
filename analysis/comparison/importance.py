"""How much of a search's outcome each searched setting explains."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

FEWEST_TRIALS: Final = 10
"""Importances told from fewer trials are noise."""
EVALUATOR: Final = "PED-ANOVA"


@dataclass(frozen=True)
class Importances:
    """Shares of the objective's variance, by PED-ANOVA (Watanabe et al., IJCAI 2023).

    Attributes:
        shares: by dotted key; empty where too few trials can be compared.
        trials: trials that they were told from.
        steps: training steps after which these were compared; None: after their whole training.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    trials: int = 0
    steps: int | None = None

    @property
    def basis(self) -> str:
        """What they were told from, in words."""
        return f"{self.trials} trials" + ("" if self.steps is None else f" after {self.steps:,} steps")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from telling what it does, and that parts of it are experimental."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def importances(trials: Sequence[Any], higher_is_better: bool) -> Importances:
    """Return importances from the trials of an Optuna study.

    Trials are compared where most of them have a value: many are ended early, and those that are not are the best ones,
    among which a setting that matters varies little.

    Args:
        trials: `optuna.trial.FrozenTrial`.
        higher_is_better: the objective's direction.
    """
    import optuna

    ends = {t.number: t.values[0] for t in trials if t.state is optuna.trial.TrialState.COMPLETE and t.values}
    levels: list[tuple[int | None, dict[int, float]]] = [(None, ends)]
    for steps in sorted({step for trial in trials for step in trial.intermediate_values}, reverse=True):
        at_rung = {t.number: t.intermediate_values[steps] for t in trials if steps in t.intermediate_values}
        levels.append((steps, at_rung))
    steps, values = max(levels, key=lambda level: len(level[1]))
    values = {number: value for number, value in values.items() if abs(value) < float("inf")}
    if len(values) < FEWEST_TRIALS or len(set(values.values())) < 2:
        return Importances()
    with quiet():
        study = optuna.create_study(direction="maximize" if higher_is_better else "minimize")
        for trial in trials:
            if trial.number in values:
                copy = optuna.trial.create_trial(
                    value=values[trial.number], params=trial.params, distributions=trial.distributions
                )
                study.add_trial(copy)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return Importances({key: float(share) for key, share in shares.items()}, len(values), steps)

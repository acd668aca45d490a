"""Read a search from its Optuna journal, `RUNS/sweeps/NAME/study.journal`."""

from pathlib import Path
from typing import Any

from analysis.comparison.importance import importances
from analysis.comparison.metric import Metric
from analysis.errors import AnalysisError, reason
from analysis.figures.study import Study
from analysis.runs.tried_setting import State, TriedSetting


def read_study(path: Path, metric: Metric) -> Study | None:
    """Read the one study of a journal.

    Args:
        path: the journal.
        metric: what its objective is.

    Returns:
        The study; None where there is no journal.

    Raises:
        AnalysisError: the journal is damaged, holds another number of studies than one, or its objective is to go the
            other way than the metric.
    """
    if not path.is_file():
        return None
    import optuna
    from optuna.storages.journal import JournalFileBackend

    try:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        names = optuna.get_all_study_names(storage)
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = f"The search {path} can't be read ({reason(error)}); move it away to draw the rest."
        raise AnalysisError(told) from error
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise AnalysisError(f"The search {path} should hold one study, found {found}; move it away to draw the rest.")
    study = optuna.load_study(study_name=names[0], storage=storage)
    upwards = study.direction is optuna.study.StudyDirection.MAXIMIZE
    if upwards != metric.higher_is_better:
        raise AnalysisError(
            f"The search {path} {'maximises' if upwards else 'minimises'} its objective, which can't be "
            f"{metric.label}; name the metric that it was run for."
        )
    recorded = study.get_trials(deepcopy=False)
    searched = [item for trial in recorded for item in trial.distributions.items()]
    logarithmic = frozenset(key for key, distribution in searched if getattr(distribution, "log", False))
    weighed = importances(recorded, metric.higher_is_better)
    trials = tuple(map(_trial, recorded))
    return Study(names[0], metric, trials, logarithmic, weighed.shares, weighed.basis)


def _trial(trial: Any) -> TriedSetting:
    name = trial.state.name.lower()
    state: State = "failed" if name == "fail" else name
    return TriedSetting(trial.number, trial.params, state=state, value=trial.values[0] if trial.values else None)

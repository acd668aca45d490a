from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from analysis.comparison.importance import FEWEST_TRIALS
from analysis.comparison.metric import find_metric
from analysis.errors import AnalysisError
from analysis.figures.study_file import read_study

DICE = find_metric("dice")


def search(path: Path, trials: int, direction: str = "maximize", name: str = "search") -> None:
    storage = JournalStorage(JournalFileBackend(str(path)))
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, study_name=name, direction=direction, sampler=sampler)

    def objective(trial: Any) -> float:
        rate = trial.suggest_float("projection.dropout", 0.0, 0.5)
        trial.suggest_float("training.learning_rate", 1e-4, 1e-1, log=True)
        trial.suggest_categorical("projection.pooling", ["max", "average"])
        if trial.number == 2:
            raise optuna.TrialPruned
        return float(0.8 - abs(rate - 0.1))

    study.optimize(objective, n_trials=trials)


def test_trials_and_importances_are_those_of_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    search(path, FEWEST_TRIALS + 1)
    study = read_study(path, DICE)
    assert study is not None
    assert (study.name, study.metric) == ("search", DICE)
    assert [trial.number for trial in study.trials] == list(range(FEWEST_TRIALS + 1))
    assert [trial.state for trial in study.trials].count("pruned") == 1
    first = study.trials[0]
    assert first.value == pytest.approx(0.8 - abs(first.params["projection.dropout"] - 0.1))
    assert study.logarithmic == {"training.learning_rate"}
    assert sum(study.importances.values()) == pytest.approx(1)
    assert study.importances["projection.dropout"] > study.importances["projection.pooling"]


def test_few_trials_have_no_importances(tmp_path: Path) -> None:
    search(tmp_path / "study.journal", 4)
    study = read_study(tmp_path / "study.journal", DICE)
    assert study is not None
    assert len(study.counting) == 3
    assert study.importances == {}


def test_without_a_journal_there_is_no_study_and_none_is_made(tmp_path: Path) -> None:
    assert read_study(tmp_path / "study.journal", DICE) is None
    assert list(tmp_path.iterdir()) == []


def test_what_can_not_be_drawn_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    search(path, 1, "minimize")
    with pytest.raises(AnalysisError, match="minimises its objective, which can't be Dice"):
        read_study(path, DICE)
    search(path, 1, name="second")
    with pytest.raises(AnalysisError, match="should hold one study, found search, second"):
        read_study(path, DICE)
    path.write_text("no journal\n{}\n")
    with pytest.raises(AnalysisError, match=r"study\.journal can't be read"):
        read_study(path, DICE)

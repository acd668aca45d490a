"""Samplers by name: each draws inside of the ranges, and the same again."""

from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from sweeps.definition.search_space import Strategy
from sweeps.search.sampler import STARTUP_TRIALS, make_sampler

SPACE: dict[str, Any] = {"weight": FloatDistribution(0.01, 1.0, log=True), "size": CategoricalDistribution([8, 16])}


def _drawn(name: str, seed: int, trials: int = STARTUP_TRIALS + 6) -> list[dict[str, Any]]:
    """Draw settings, as a search does with a sampler for each; the value is best at weight 0.1."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    strategy = Strategy.model_validate({"sampler": name, "sampler_seed": seed})
    study = optuna.create_study(direction="maximize")
    for number in range(trials):
        study.sampler = make_sampler(strategy, number)
        trial = study.ask(SPACE)
        study.tell(trial, -abs(trial.params["weight"] - 0.1))
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes"])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_draws_inside_and_the_same_again(name: str) -> None:
    first = _drawn(name, seed=0)
    assert all(0.01 <= drawn["weight"] <= 1 and drawn["size"] in (8, 16) for drawn in first)
    assert first == _drawn(name, seed=0)
    assert first != _drawn(name, seed=1)
    assert len({drawn["weight"] for drawn in first}) > STARTUP_TRIALS


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_samplers_differ_after_the_random_start() -> None:
    tpe, gp = _drawn("tpe", seed=0), _drawn("gp", seed=0)
    assert tpe[STARTUP_TRIALS:] != gp[STARTUP_TRIALS:]

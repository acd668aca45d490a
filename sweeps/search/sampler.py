"""Optuna's samplers by name, with draws that depend on no earlier command."""

import hashlib
from importlib.util import find_spec
from typing import Any, Final

from analysis.comparison.importance import quiet
from simcvd.errors import UserError
from sweeps.definition.search_space import Strategy

STARTUP_TRIALS: Final = 5
"""Settings drawn at random before the sampler goes by what it has seen."""


def make_sampler(strategy: Strategy, number: int) -> Any:
    """Return a sampler whose draws depend on the seed, the trial's number and what is known.

    Args:
        strategy: names the sampler and its seed.
        number: of the trial that is drawn.
    """
    import optuna

    digest = hashlib.sha256(f"{strategy.sampler_seed} {number}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    with quiet():
        match strategy.sampler:
            case "gp":
                return optuna.samplers.GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
            case "cmaes":
                return optuna.samplers.CmaEsSampler(
                    seed=seed, n_startup_trials=STARTUP_TRIALS, warn_independent_sampling=False
                )
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True
        )


def check_sampler(strategy: Strategy) -> None:
    """Refuse a sampler whose package is not there.

    Raises:
        UserError: with what to install.
    """
    if strategy.sampler == "cmaes" and find_spec("cmaes") is None:
        raise UserError("The sampler cmaes needs a package that is not there; pip install 'simcvd[cmaes]' or take tpe.")

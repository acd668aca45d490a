"""What trains and what scores a trial: the real thing, or what stands in for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(frozen=True)
class Engine:
    """What trains and what scores a trial.

    Attributes:
        train: `simcvd.training.run.run_training` or one with its signature.
        evaluate: `simcvd.training.evaluation.evaluate_trial` or one with its signature.
    """

    train: Callable[..., Any]
    evaluate: Callable[..., Sequence[Any]]

    def running_in(self, precision: str | None) -> "Engine":
        """Return this engine with `precision` handed to both; none leaves it, since a stand-in may not know it."""
        if precision is None:
            return self
        return Engine(partial(self.train, precision=precision), partial(self.evaluate, precision=precision))


def default_engine() -> Engine:
    """Return what trains and scores for real."""
    from simcvd.training.evaluation import evaluate_trial
    from simcvd.training.run import run_training

    return Engine(run_training, evaluate_trial)

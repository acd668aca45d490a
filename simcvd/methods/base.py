"""What a training method is: networks, weighted loss terms for a batch and a step, and what follows a step."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.data.batch import Batch
from simcvd.draws import Draws
from simcvd.losses.schedules import learning_rate

__all__ = ["Batch", "Method", "Term"]


class Term(NamedTuple):
    """One term of the loss: the loop minimises the sum of `weight * value` and logs the same numbers."""

    name: str
    value: Tensor
    weight: float


class Method(ABC):
    """One training method.

    It is made from the trial's settings, the number of image channels, the number of classes with background, and what
    gathers rows from several workers (none with one).

    Attributes:
        config: the trial's settings.
        networks: every network that a checkpoint must hold, by name.
        optimisers: every optimiser that a checkpoint must hold, by name; `sgd` trains what segments.
        needs_unlabeled: false where no term uses unlabelled crops, so that none are read.
        diagnostics: detached scalars of the last `terms` call that are logged and never optimised.
    """

    config: TrialConfig
    networks: nn.ModuleDict
    optimisers: dict[str, torch.optim.Optimizer]
    needs_unlabeled: bool
    diagnostics: Mapping[str, Tensor]

    @abstractmethod
    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the loss terms of this step that have weight, gradients attached."""

    @abstractmethod
    def segmenters(self) -> dict[str, nn.Module]:
        """Return the networks to validate, the one to use first; each maps `[B, I, X, Y, Z]` to logits."""

    def before_step(self, step: int) -> None:
        """Set what varies with the step: the learning rate of `sgd`, and train mode for all networks."""
        training = self.config.training
        rate = learning_rate(step, training.steps, training.learning_rate, training.learning_rate_drop_fraction)
        for group in self.optimisers["sgd"].param_groups:
            group["lr"] = rate
        self.networks.train()

    def stepping(self, step: int) -> Iterable[torch.optim.Optimizer]:
        """Return the optimisers that act at this step: all of them, unless a method trains in stages."""
        return self.optimisers.values()

    def after_step(self, step: int) -> None:  # noqa: B027 - most methods have nothing to do here
        """Do what follows the optimisers' step (the teacher's moving average)."""

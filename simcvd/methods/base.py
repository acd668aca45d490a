"""What a training method is: networks, weighted loss terms for a batch and a step, and what follows a step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcvd.data.batch import Batch
from simcvd.draws import Draws

__all__ = ["Batch", "Method", "Term"]


class Term(NamedTuple):
    """One term of the loss: the loop minimises the sum of `weight * value` and logs the same numbers."""

    name: str
    value: Tensor
    weight: float


class Method(ABC):
    """One training method.

    Attributes:
        networks: every network that a checkpoint must hold, by name.
        optimisers: every optimiser that a checkpoint must hold, by name; all of them step after each backward pass.
        needs_unlabeled: false where no term uses unlabelled crops, so that none are read.
        diagnostics: detached scalars of the last `terms` call that are logged and never optimised.
    """

    networks: nn.ModuleDict
    optimisers: dict[str, torch.optim.Optimizer]
    needs_unlabeled: bool
    diagnostics: Mapping[str, Tensor]

    @abstractmethod
    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the loss terms of this step that have weight, gradients attached."""

    @abstractmethod
    def before_step(self, step: int) -> None:
        """Set what varies with the step (learning rate, train mode)."""

    @abstractmethod
    def after_step(self, step: int) -> None:
        """Do what follows the optimisers' step (the teacher's moving average)."""

    @abstractmethod
    def segmenters(self) -> dict[str, nn.Module]:
        """Return the networks to validate, the one to use first; each maps `[B, I, X, Y, Z]` to logits."""

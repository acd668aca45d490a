"""What a training method is: networks, weighted loss terms for a batch and a step, and what follows a step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.data.batch import Batch
from simcvd.draws import Draws
from simcvd.losses.schedules import learning_rate
from simcvd.methods.optimiser import sgd
from simcvd.networks.base import Segmenter, segmenters_of
from simcvd.networks.build import build_network, seeded_weights
from simcvd.networks.ema import decay_at
from simcvd.networks.teacher import update_teachers

__all__ = ["Batch", "Gather", "Method", "Term"]

Gather = Callable[[Tensor], Tensor]
"""Stacks the workers' rows; see `Method`."""


class Term(NamedTuple):
    """One term of the loss: the loop minimises the sum of `weight * value` and logs the same numbers."""

    name: str
    value: Tensor
    weight: float


class Method(ABC):
    """One training method.

    Its networks' initial weights are drawn from the trial's seed.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]` in rank order, its backward pass summing the workers'
            gradients; none with one worker.

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

    def __init__(self, config: TrialConfig, image_channels: int, classes: int, gather: Gather | None = None) -> None:
        self.config, self.gather = config, gather
        self.needs_unlabeled = self.reads_unlabeled()
        self.diagnostics = {}
        with seeded_weights(config.seed):
            self.networks = nn.ModuleDict(self.build(image_channels, classes))
            self.optimisers = {"sgd": sgd(self.networks.values(), config.training)}
            self.complete(image_channels, classes)

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return True

    def build(self, image_channels: int, classes: int) -> dict[str, nn.Module]:
        """Return the networks that `sgd` trains, by name: the one that segments, and no other, unless overridden."""
        return {"student": build_network(self.config, image_channels, classes)}

    def complete(self, image_channels: int, classes: int) -> None:  # noqa: B027 - most methods add nothing
        """Add what `sgd` does not train, such as teachers, and further optimisers."""

    @abstractmethod
    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the loss terms of this step that have weight, gradients attached."""

    def segmenters(self) -> dict[str, Segmenter]:
        """Return the networks to validate, the one that a trial is judged by first: the student, then its teacher.

        Each maps `[B, I, X, Y, Z]` to logits.
        """
        return segmenters_of(self.networks, *(name for name in ("student", "teacher") if name in self.networks))

    def before_step(self, step: int) -> None:
        """Set what varies with the step: the learning rate of `sgd`, and train mode for all networks."""
        training = self.config.training
        rate = learning_rate(*self.schedule_at(step), training.learning_rate, training.learning_rate_drop_fraction)
        for group in self.optimisers["sgd"].param_groups:
            group["lr"] = rate
        self.networks.train()

    def schedule_at(self, step: int) -> tuple[int, int]:
        """Return the steps of `sgd` done before `step`, and how many it has: all, unless a method trains in stages."""
        return step, self.config.training.steps

    def stepping(self, step: int) -> Iterable[torch.optim.Optimizer]:
        """Return the optimisers that act at this step: all of them, unless a method trains in stages."""
        return self.optimisers.values()

    def after_step(self, step: int) -> None:
        """Do what follows the optimisers' step: move the teachers, where there are any, towards their students."""
        if "teacher" in self.networks:
            update_teachers(self.networks, decay_at(step, self.config.ema_decay), forwards=self.needs_unlabeled)

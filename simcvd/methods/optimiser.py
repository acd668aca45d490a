"""The optimiser that all methods segment with."""

from collections.abc import Iterable

import torch
from torch import nn

from simcvd.config.settings import TrainingConfig


def sgd(networks: Iterable[nn.Module], training: TrainingConfig) -> torch.optim.SGD:
    """Return the optimiser of sec. IV-B over what `networks` train; its rate is set before each step."""
    return torch.optim.SGD(
        [parameter for network in networks for parameter in network.parameters() if parameter.requires_grad],
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        foreach=True,
    )

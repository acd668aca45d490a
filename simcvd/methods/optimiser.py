"""The optimiser that all methods segment with."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from simcvd.config.settings import TrainingConfig


def sgd(networks: Iterable[nn.Module], training: TrainingConfig) -> torch.optim.SGD:
    """Return the optimiser of sec. IV-B over what `networks` train; its rate is set before each step."""
    optimiser = torch.optim.SGD(
        [parameter for network in networks for parameter in network.parameters() if parameter.requires_grad],
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )
    optimiser.register_step_pre_hook(_choose_kernel)
    return optimiser


def _choose_kernel(optimiser: torch.optim.Optimizer, *_: object) -> None:
    """Let one kernel do the whole step, where the parameters are: on the CPU `fused`, to the same bits.

    The fused kernel reads all tensors as they lie in memory and does not ask whether they lie alike; so they do here.
    """
    for group in optimiser.param_groups:
        on_cpu = all(parameter.device.type == "cpu" for parameter in group["params"])
        group["fused"], group["foreach"] = on_cpu, not on_cpu
        for parameter in group["params"] if on_cpu else ():
            if parameter.grad is not None:
                parameter.grad = _laid_out_as(parameter, parameter.grad)
            state = optimiser.state.get(parameter, {})
            if (momentum := state.get("momentum_buffer")) is not None:
                state["momentum_buffer"] = _laid_out_as(parameter, momentum)


def _laid_out_as(parameter: Tensor, other: Tensor) -> Tensor:
    return other if other.stride() == parameter.stride() else torch.empty_like(parameter).copy_(other)

import torch
from torch import Tensor, nn

from simcvd.config.settings import TrainingConfig
from simcvd.methods.optimiser import sgd

LAST = torch.channels_last_3d


def test_steps_are_those_of_the_formula_however_tensors_lie_in_memory() -> None:
    """v = m v + (g + d w), w = w - r v, in float64; gradients and a momentum that was read back lie otherwise."""
    training = TrainingConfig(learning_rate=0.1, momentum=0.9, weight_decay=0.01)
    network = nn.Conv3d(3, 4, 3).to(memory_format=LAST)  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(0)
    weights = [parameter.detach().double() for parameter in network.parameters()]
    velocities = [torch.zeros_like(weight) for weight in weights]
    optimiser = sgd([network], training)
    for step in range(4):
        if step == 2:
            state = optimiser.state_dict()
            kept: Tensor = state["state"][0]["momentum_buffer"]
            assert kept.is_contiguous(memory_format=LAST)
            state["state"][0]["momentum_buffer"] = kept.contiguous()
            optimiser = sgd([network], training)
            optimiser.load_state_dict(state)
        for parameter, weight, velocity in zip(network.parameters(), weights, velocities, strict=True):
            parameter.grad = torch.randn(parameter.shape, generator=generator)
            velocity.mul_(0.9).add_(parameter.grad.double() + 0.01 * weight)
            weight.sub_(0.1 * velocity)
        optimiser.step()

    for parameter, weight in zip(network.parameters(), weights, strict=True):
        torch.testing.assert_close(parameter.detach().double(), weight, rtol=1e-5, atol=1e-6)


def test_a_step_equals_torchs_own_bit_for_bit() -> None:
    found = []
    for ours in (True, False):
        torch.manual_seed(0)
        network = nn.Conv3d(16, 16, 3).to(memory_format=LAST)  # type: ignore[call-overload]
        training = TrainingConfig(learning_rate=0.1, momentum=0.9, weight_decay=0.01)
        optimiser = (
            sgd([network], training)
            if ours
            else torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, foreach=True)
        )
        for _ in range(3):
            network(torch.randn(2, 16, 5, 6, 7)).square().mean().backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        found.append(network.weight.detach())
        if ours:
            assert (optimiser.param_groups[0]["fused"], optimiser.param_groups[0]["foreach"]) == (True, False)
    assert torch.equal(*found)

"""Networks that are not our own, seen as methods see the V-Net."""

from typing import Any

from torch import Tensor, nn

from simcvd.draws import Draws
from simcvd.networks.base import Features, Network
from simcvd.networks.convolution import make_safe


class AdaptedNetwork(Network):
    """A module of any kind as a network; it has no dropout of its own here, so that all draws are the trial's.

    Args:
        body: maps `[B, I, X, Y, Z]` to `[B, C + K, X, Y, Z]`, class logits first, and its bottleneck `[B, E, x, y, z]`.
        classes: C, classes with background.
        sdm_channels: K, signed distance maps; may be 0.
    """

    def __init__(self, body: nn.Module, classes: int, sdm_channels: int) -> None:
        super().__init__(classes, sdm_channels)
        make_safe(body)
        self.body = body

    def forward(
        self, image: Tensor, draws: Draws | None = None, name: str = "student", parts: tuple[int, ...] | None = None
    ) -> Features:
        """Compute logits, signed distance maps and bottleneck, see `Network.forward`."""
        outputs, bottleneck = self.body(image)
        return self.features(outputs, bottleneck)


class WithBottleneck(nn.Module):
    """A module with one output, and beside it what one of its parts returned.

    Args:
        module: maps an image to one tensor.
        part: dotted name of the part.
    """

    def __init__(self, module: nn.Module, part: str) -> None:
        super().__init__()
        self.module = module
        self.part = part
        module.get_submodule(part)  # refuses another name now

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the module's output and the part's."""
        seen: list[Tensor] = []

        def note(part: nn.Module, given: Any, output: Tensor) -> None:
            seen.append(output)

        # For this pass only: a hook that stays would be shared by copies, such as a teacher.
        hook = self.module.get_submodule(self.part).register_forward_hook(note)
        try:
            output: Tensor = self.module(image)
        finally:
            hook.remove()
        return output, seen[-1]

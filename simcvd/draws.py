"""Randomness that depends on the seed, the step and a name alone.

Nothing is carried from step to step, so a resumed trial draws what an uninterrupted one would have drawn, and nothing
is drawn from a global generator. With several workers every worker draws for the whole batch and keeps its own share,
so the numbers do not depend on how many there are.
"""

import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor


def derived_seed(*parts: int | str) -> int:
    """Return a 63-bit seed from integers and names, the same on every machine."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


@dataclass(frozen=True)
class Draws:
    """The random draws of one training step.

    Args:
        seed: the trial's seed.
        step: the training step, from 0.
        device: where the drawn tensors live.
        rank: this worker's number.
        workers: how many workers share a batch.
    """

    seed: int
    step: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rank: int = 0
    workers: int = 1

    def generator(self, name: str) -> torch.Generator:
        """Return a fresh generator for the draw called `name`; the same name gives the same numbers."""
        return torch.Generator(self.device).manual_seed(derived_seed(self.seed, self.step, name))

    def normal(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Draw standard normal numbers `[B_local, ...]`: this worker's share of the whole batch."""
        whole = (shape[0] * self.workers, *shape[1:])
        drawn = torch.randn(whole, generator=self.generator(name), device=self.device)
        return self._share(drawn, shape[0])

    def uniform(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Draw from [0, 1), `[B_local, ...]`: this worker's share of the whole batch."""
        whole = (shape[0] * self.workers, *shape[1:])
        drawn = torch.rand(whole, generator=self.generator(name), device=self.device)
        return self._share(drawn, shape[0])

    def _share(self, drawn: Tensor, size: int) -> Tensor:
        return drawn[self.rank * size : (self.rank + 1) * size]

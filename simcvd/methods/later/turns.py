"""Turns of two teachers, of random length: which of them follows the student at a step.

Zhao et al., ECCV 2024, arXiv 2311.17325 (RPA).
"""

from bisect import bisect_right
from dataclasses import dataclass

import torch

from simcvd.draws import Draws


@dataclass(frozen=True)
class Turns:
    """Whose turn a step is, so that a resumed trial needs no more than the step.

    Attributes:
        first: first step of each period; the teachers change turns from one to the next.
        before: steps that the period's teacher had before it.
    """

    first: list[int]
    before: list[int]

    @classmethod
    def of(cls, seed: int, steps: int, longest: int) -> "Turns":
        """Draw the lengths of so many periods that they last for all steps."""
        generator = Draws(seed, 0).generator("ad_mt/periods")
        drawn = torch.randint(1, longest + 1, (steps,), generator=generator, device="cpu")
        first, before, had = [], [], [0, 0]
        for period, length in enumerate(drawn.tolist()):
            first.append(sum(had))
            before.append(had[period % 2])
            had[period % 2] += length
        return cls(first, before)

    def at(self, step: int) -> tuple[int, int]:
        """Return the number of the teacher whose turn a step is, and how many steps it had before."""
        period = bisect_right(self.first, step) - 1
        return period % 2, self.before[period] + step - self.first[period]

"""The teacher's own view of the unlabelled crops: turned or mirrored without loss, and undone voxel by voxel."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from simcvd.draws import Draws, derived_seed

_X, _Y = 2, 3
ViewKind = Literal["same", "flip", "turn"]


@dataclass(frozen=True)
class View:
    """What is done to volumes `[B, C, X, Y, Z]`; slices along Z stay slices.

    Attributes:
        turns: quarter turns in the XY plane.
        mirrored: axes that are mirrored: 2 is X, 3 is Y.
    """

    turns: int = 0
    mirrored: tuple[int, ...] = ()

    @classmethod
    def drawn(cls, kind: ViewKind, draws: Draws) -> "View":
        """Draw the view of a step, the same for all crops and workers: each of the four views is equally likely.

        Args:
            kind: `same`, none; `flip`, X and Y mirrored or not; `turn`, by 0 to 3 quarter turns.
            draws: the step's.
        """
        number = derived_seed(draws.seed, draws.step, "teacher/view") % 4
        if kind == "flip":
            return cls(mirrored=tuple(axis for axis, bit in ((_X, 1), (_Y, 2)) if number & bit))
        return cls(turns=number if kind == "turn" else 0)

    def of(self, volume: Tensor) -> Tensor:
        """Return what the teacher sees of a volume; X and Y change places with an odd number of turns."""
        return torch.rot90(volume, self.turns, (_X, _Y)).flip(self.mirrored) if self != View() else volume

    def undone(self, volume: Tensor) -> Tensor:
        """Return a volume of the teacher's, such as its output, as the student's crop lies."""
        return torch.rot90(volume.flip(self.mirrored), -self.turns, (_X, _Y)) if self != View() else volume

"""Something odd, as one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal[
    "orientation", "duplicate", "spacing", "shape", "intensity", "empty", "missing", "border", "swapped", "place"
]
_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    Attributes:
        kind: what it is about.
        cases: which cases.
        text: one sentence.
        problem: whether results would be wrong; else it may be as it should be.
    """

    kind: Kind
    cases: tuple[str, ...]
    text: str
    problem: bool = False


def times(sides: Sequence[float] | np.ndarray[Any, Any]) -> str:
    """Write sides as `1 x 1 x 2.5`."""
    return " x ".join(f"{side:.4g}" for side in sides)


def named(ids: Sequence[str]) -> str:
    """List the first names."""
    return ", ".join(ids[:_NAMED]) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")

"""What a reader may choose about a table."""

from dataclasses import dataclass
from typing import Literal

Spread = Literal["sd", "ci"]
Significance = Literal["p", "stars"]


@dataclass(frozen=True)
class Style:
    """How values are shown.

    Attributes:
        spread: what stands beside a mean: the SD over cases, or half of the mean's 95 % t interval.
        significance: p-values, or stars beside the mean.
    """

    spread: Spread = "sd"
    significance: Significance = "p"

"""What a reader may choose about a table."""

import math
from dataclasses import dataclass
from typing import Literal

from analysis.errors import AnalysisError

Spread = Literal["sd", "ci"]
Significance = Literal["p", "stars"]


@dataclass(frozen=True)
class Style:
    """How values are shown.

    Attributes:
        spread: what stands beside a mean: the SD over cases, or half of the mean's 95 % t interval.
        significance: p-values, or stars beside the mean.
        margin: the smallest difference that matters, in the unit shown; with one metric only, None judges none.
    """

    spread: Spread = "sd"
    significance: Significance = "p"
    margin: float | None = None

    def check(self, metrics: int) -> None:
        """Refuse a margin that is not above 0, or that would be for several metrics at once.

        Raises:
            AnalysisError: what to give instead.
        """
        if self.margin is None:
            return
        if not 0 < self.margin < math.inf:
            raise AnalysisError(
                f"--margin is {self.margin:g}, expected a number above 0, in the unit that the table shows."
            )
        if metrics > 1:
            raise AnalysisError("--margin is for one metric; choose it with --metric.")

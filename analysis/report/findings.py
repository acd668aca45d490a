"""What a sweep found about each variant: its difference from the reference, and whether cases and seeds bear it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.comparison.difference import Difference
from analysis.comparison.notes import DOUBTFUL
from analysis.comparison.row import Row
from analysis.statistics.doubts import SIGNIFICANT

Verdict = Literal["higher", "lower", "open"]


@dataclass(frozen=True)
class Finding:
    """One variant against the reference in one class and metric.

    Attributes:
        variant: the variant's name.
        difference: the comparison, its tests two-sided and adjusted for the family.
        mean: mean of variant minus reference, stored unit.
    """

    variant: str
    difference: Difference
    mean: float

    @property
    def verdict(self) -> Verdict:
        """Whether the difference is more than the choice of cases explains, and in which direction."""
        p = self.difference.p_holm
        if p is None or p >= SIGNIFICANT:
            return "open"
        return "higher" if self.mean > 0 else "lower"

    @property
    def holds_over_seeds(self) -> bool:
        """Whether it is also more than the choice of seeds explains."""
        p = self.difference.over_seeds_holm
        return p is not None and p < SIGNIFICANT

    @property
    def looks_skewed(self) -> bool:
        """Whether its differences do not look normal."""
        p = self.difference.normality
        return p is not None and p < DOUBTFUL


def findings(rows: Sequence[Row]) -> list[Finding]:
    """Return what is known of every variant that shares cases with the reference, the highest difference first.

    Args:
        rows: one block of a table made with `two_sided`: all variants in one class and metric.
    """
    found = []
    for row in rows:
        each = row.difference
        if each is not None and each.test.difference is not None:
            found.append(Finding(row.variant, each, each.test.difference))
    return sorted(found, key=lambda one: -one.mean)

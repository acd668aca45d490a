"""What a sweep found about each variant: its difference from the reference, and whether cases and seeds bear it out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.difference import Difference
from analysis.notes import DOUBTFUL
from analysis.row import Row
from analysis.statistics import detectable_difference
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


def detectable(found: Sequence[Finding]) -> float | None:
    """Return the true difference that these cases show with 80 % power, stored unit; None where it can't be told.

    For the usual number of cases and the median spread of the differences, at the level that Holm's correction asks of
    the smallest p, as the notes of a table have it.
    """
    import numpy as np

    tested = [one.difference for one in found if one.difference.test.p is not None]
    if not tested:
        return None
    n = Counter(each.test.n for each in tested).most_common(1)[0][0]
    spread = float(np.median([np.std(each.values, ddof=1) for each in tested]))
    return detectable_difference(spread, n, SIGNIFICANT / len(tested))

"""All that is odd about a data set's cases: pure functions of their facts, for `inspect` and for preparation."""

from collections.abc import Sequence

from simcvd.data.inspection.case_facts import CaseFacts
from simcvd.data.inspection.finding import Finding
from simcvd.data.inspection.label_oddities import (
    empty_labels,
    misplaced_labels,
    missing_classes,
    swapped_classes,
    touched_borders,
)
from simcvd.data.inspection.scan_oddities import duplicates, odd_intensities, odd_shapes, odd_spacings


def oddities(cases: Sequence[CaseFacts], classes: Sequence[str], *, normalised: bool = False) -> list[Finding]:
    """Return all that is odd, problems first.

    Args:
        cases: of the whole data set; what a case's facts lack is not judged.
        classes: names of the foreground classes.
        normalised: whether the cases' intensities are normalised ones, not the scanner's.
    """
    found = [
        *duplicates(cases),
        *odd_spacings(cases),
        *odd_shapes(cases),
        *odd_intensities(cases, normalised=normalised),
        *empty_labels(cases),
        *missing_classes(cases, classes),
        *swapped_classes(cases, classes),
        *misplaced_labels(cases),
        *touched_borders(cases),
    ]
    return sorted(found, key=lambda finding: not finding.problem)

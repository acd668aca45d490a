"""What is odd about labels: empty, a class missing, swapped, on the background, cut off."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from simcvd.data.inspection.case_facts import CaseFacts, ClassFacts, by_axis
from simcvd.data.inspection.finding import Finding, named
from simcvd.data.inspection.outliers import FEWEST_CASES, OUTLYING, Values, outliers, scores

_EXCHANGED = 0.1  # at most this share of the cases may have two classes the other way round
_AS_FAR = 0.5  # of the usual value, on the other side
_APART = 0.25  # two classes are told apart from there on: by log ratio, or by sides of their boxes
_ON_SMALLEST = 0.5  # share of a label from which it lies off the body
_ON_DARK = 0.25  # more or less than in the median case


def empty_labels(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Find labels without any foreground."""
    empty = [case.id for case in cases if case.label is not None and case.label.empty]
    if not empty:
        return []
    many = len(empty) > 1
    return [Finding("empty", tuple(empty), f"{'Labels' if many else 'A label'} without foreground: {named(empty)}.")]


def missing_classes(cases: Sequence[CaseFacts], classes: Sequence[str]) -> list[Finding]:
    """Find classes that some labels hold and some do not; empty labels are told elsewhere."""
    labels = [(case.id, case.label) for case in cases if case.label is not None and not case.label.empty]
    found = []
    for index, name in enumerate(classes):
        without = [case_id for case_id, label in labels if not label.classes[index].voxels]
        if 0 < len(without) < len(labels):
            text = f"The class {name} is missing from {len(without)} of {len(labels)} labels: {named(without)}."
            found.append(Finding("missing", tuple(without), text))
    return found


def swapped_classes(cases: Sequence[CaseFacts], classes: Sequence[str]) -> list[Finding]:
    """Find labels in which two classes exchange rank in volume, or place along an axis, against (nearly) all others.

    Of each pair of classes it looks at the log ratio of volumes and at the way from one centre to the other in sides of
    their boxes. A swapped case lies on the other side of 0, where at most a tenth of the cases are, and is an outlier.
    """
    labels = [(case.id, case.label.classes) for case in cases if case.label is not None]
    found = []
    for one, other in combinations(range(len(classes)), 2):
        both = [(case_id, own[one], own[other]) for case_id, own in labels if own[one].voxels and own[other].voxels]
        rows = np.array([_compared(a, b) for _, a, b in both])
        for place in _exchanged(rows):
            case_id = both[place][0]
            text = (
                f"Case {case_id}: {classes[one]} and {classes[other]} look swapped, or the label mirrored; look at it."
            )
            found.append(Finding("swapped", (case_id,), text))
    return found


def _compared(one: ClassFacts, other: ClassFacts) -> list[float]:
    sides = zip(one.centre_mm, other.centre_mm, one.extent_mm, other.extent_mm, strict=True)
    return [float(np.log(one.voxels / other.voxels)), *(2 * (a - b) / (long + wide) for a, b, long, wide in sides)]


def _exchanged(rows: Values) -> list[int]:
    if len(rows) < FEWEST_CASES:
        return []
    usual = np.median(rows, axis=0)
    against = (rows * np.sign(usual) < -_AS_FAR * np.abs(usual)) & (np.abs(usual) > _APART)
    rare = against.sum(axis=0) <= max(1.0, _EXCHANGED * len(rows))
    return [int(place) for place in np.flatnonzero((against & rare & (scores(rows) > OUTLYING)).any(axis=1))]


def misplaced_labels(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Find labels that lie on other intensities than those of the set do: far from the body, turned, of another scan.

    Most of such a label is on the image's smallest value, as air and padding have it, or the share on the darker side
    of Otsu's threshold is an outlier.
    """
    labels = [(case.id, case.label) for case in cases if case.label is not None and not case.label.empty]
    shares = np.array([(label.on_smallest, label.on_dark) for _, label in labels]).reshape(-1, 2)
    usual = np.median(shares, axis=0) if len(shares) else np.zeros(2)
    elsewhere = outliers(shares[:, 1:], _ON_DARK)
    found = []
    for place, (case_id, _) in enumerate(labels):
        smallest, dark = shares[place]
        if smallest > _ON_SMALLEST and (len(labels) < FEWEST_CASES or usual[0] < _ON_SMALLEST / 2):
            where = f"{smallest:.0%} of the label lies on the image's smallest value"
        elif place in elsewhere:
            where = f"{dark:.0%} of the label lies on the image's darker part, {usual[1]:.0%} in the median case"
        else:
            continue
        found.append(Finding("place", (case_id,), f"Case {case_id}: {where}; does it belong to this image?"))
    return found


def touched_borders(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Find labels that end where their scan ends."""
    labels = [(case.id, case.label.border) for case in cases if case.label is not None]
    touching = [case_id for case_id, border in labels if border]
    if not touching:
        return []
    sides = sorted({side for _, border in labels for side in border}, key=by_axis)
    text = (
        f"{len(touching)} of {len(labels)} labels touch the scan's border ({', '.join(sides)}), so a part may "
        f"be cut off: {named(touching)}."
    )
    return [Finding("border", tuple(touching), text)]

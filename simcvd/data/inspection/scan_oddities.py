"""What is odd about scans: stored twice, or outliers by voxel size, shape and intensities."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simcvd.data.inspection.case_facts import BINS, CaseFacts
from simcvd.data.inspection.finding import Finding, Kind, named, times
from simcvd.data.inspection.outliers import Values, outliers

_MANY = 0.2  # a larger share of cases are a group of their own, no outliers
_SPACING_FACTOR, _SHAPE_FACTOR, _SPREAD_FACTOR = 1.25, 1.5, 2.0
_MEDIAN_SHIFT = 0.25  # in typical spreads, 0.5th to 99.5th percentile
_SAME_SCAN = 1e-3  # of the voxels outside the fullest bin may lie in other bins, by rounding


def duplicates(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Find scans that are there twice: equal but for turning, mirroring and the unit of intensities.

    Their sides are the same numbers and so are their histograms, but for what rounding moves to another bin.
    """
    groups: dict[tuple[int, ...], list[CaseFacts]] = {}
    for case in cases:
        if case.channels:
            groups.setdefault((len(case.channels), *sorted(case.shape)), []).append(case)
    return [
        _duplicate([group[place] for place in same])
        for group in groups.values()
        for same in _equal_histograms(np.array([[c.histogram for c in case.channels] for case in group]))
    ]


def _equal_histograms(histograms: NDArray[np.int64]) -> list[list[int]]:
    """Return which of `[n, I, BINS]` are equal, as groups of places."""
    flat = histograms.reshape(len(histograms), -1)
    allowed = (flat.sum(axis=1) - histograms.max(axis=2).sum(axis=1)) * _SAME_SCAN
    # Mean bins of equal histograms are close, so that only neighbours are compared.
    means = (histograms @ np.arange(BINS)).sum(axis=1)
    order = np.argsort(means, kind="stable")
    first = np.arange(len(flat))
    for place, one in enumerate(order):
        last = np.searchsorted(means[order], means[one] + BINS * allowed[one], side="right")
        others = order[place + 1 : last]
        same = others[np.abs(flat[others] - flat[one]).sum(axis=1) <= allowed[one]]
        first[np.isin(first, first[same])] = first[one]
    groups = [list(map(int, np.flatnonzero(first == value))) for value in np.unique(first)]
    return [group for group in groups if len(group) > 1]


def _duplicate(same: Sequence[CaseFacts]) -> Finding:
    told = [case.id if case.split is None else f"{case.id} ({case.split})" for case in same]
    uses = {"training" if (case.split or "").startswith("train") else case.split for case in same}
    text = f"Cases {', '.join(told[:-1])} and {told[-1]} hold the same scan, as it is or turned"
    ids = tuple(case.id for case in same)
    if len(uses) > 1:
        return Finding("duplicate", ids, f"{text}, in different splits; keep one of them and prepare anew.", True)
    return Finding("duplicate", ids, f"{text}; keep one of them.")


def odd_spacings(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Find voxel sizes in the files that are outliers and off the median by a quarter or more."""
    sizes = np.array([by_direction(case.spacing_mm, case.orientation) for case in cases])
    return _outlying(
        "spacing",
        cases,
        np.log(sizes),
        np.log(_SPACING_FACTOR),
        lambda place: f"has voxels of {times(sizes[place])} mm; the median is {times(np.median(sizes, axis=0))} mm",
        "voxel sizes",
    )


def odd_shapes(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Find shapes in the files that are outliers and off the median by half or more."""
    sides = np.array([by_direction(case.shape, case.orientation) for case in cases])
    return _outlying(
        "shape",
        cases,
        np.log(sides),
        np.log(_SHAPE_FACTOR),
        lambda place: f"has {times(sides[place])} voxels; the median is {times(np.median(sides, axis=0))}",
        "shapes",
    )


def odd_intensities(cases: Sequence[CaseFacts], *, normalised: bool = False) -> list[Finding]:
    """Find scans whose median or spread of intensities is an outlier, and far off in terms of the usual spread.

    Args:
        cases: with their channels, or they are not judged.
        normalised: whether the intensities are normalised ones; then it is said.
    """
    read = [case for case in cases if case.channels]
    channels = min((len(case.channels) for case in read), default=0)
    noun = "normalised intensities" if normalised else "intensities"
    return [
        finding
        for index in range(channels)
        for finding in _odd_channel(read, index, noun, f" in channel {index}" if channels > 1 else "")
    ]


def _odd_channel(cases: Sequence[CaseFacts], index: int, noun: str, where: str) -> list[Finding]:
    values = np.array([(c.channels[index].low, c.channels[index].median, c.channels[index].high) for c in cases])
    usual = np.median(values, axis=0)
    spreads = np.maximum(values[:, 2] - values[:, 0], 1e-12)
    # Both measures count in their own floor, so that one floor serves both.
    shifts = values[:, 1] / float(np.median(spreads)) / _MEDIAN_SHIFT
    rows = np.stack([shifts, np.log(spreads) / np.log(_SPREAD_FACTOR)], axis=1)

    def told(place: int) -> str:
        low, median, high = values[place]
        return (
            f"has {noun} of {low:.4g} to {high:.4g}, median {median:.4g}{where}; usual are {usual[0]:.4g} to "
            f"{usual[2]:.4g}, median {usual[1]:.4g}"
        )

    return _outlying("intensity", cases, rows, 1.0, told, f"{noun}{where}")


def mixed_orientations(cases: Sequence[CaseFacts]) -> list[Finding]:
    """Tell a set whose scans were left in different orientations; of one that turns them, don't ask."""
    counts: dict[str, list[str]] = {}
    for case in cases:
        if case.orientation is not None:
            counts.setdefault(case.orientation, []).append(case.id)
    if len(counts) < 2:
        return []
    usual = max(counts, key=lambda codes: len(counts[codes]))
    others = tuple(case_id for codes, ids in counts.items() if codes != usual for case_id in ids)
    told = ", ".join(f"{len(ids)} {codes}" for codes, ids in sorted(counts.items()))
    text = (
        f"The scans have different orientations ({told}) and were not turned to one; prepare anew. Not {usual}: "
        f"{named(others)}."
    )
    return [Finding("orientation", others, text, problem=True)]


def by_direction(values: Sequence[float], orientation: str | None) -> tuple[float, float, float]:
    """Return values along a file's axes in the order right-left, front-back, foot-head; unknown axes as they are.

    >>> by_direction((5, 1, 2), "SPL")
    (2, 1, 5)
    """
    if orientation is None:
        return values[0], values[1], values[2]
    order = [next(place for place, code in enumerate(orientation) if code in pair) for pair in ("LR", "AP", "IS")]
    return values[order[0]], values[order[1]], values[order[2]]


def _outlying(
    kind: Kind, cases: Sequence[CaseFacts], rows: Values, floor: float, told: Callable[[int], str], plural: str
) -> list[Finding]:
    """Return the cases with an outlier in `rows` `[n, m]` that is `floor` or more away from the median."""
    places = outliers(rows, floor)
    ids = tuple(cases[place].id for place in places)
    if len(ids) > _MANY * len(cases):
        text = f"The {plural} of {len(ids)} of {len(cases)} cases lie far from the median: {named(ids)}."
        return [Finding(kind, ids, text)]
    return [Finding(kind, (cases[place].id,), f"Case {cases[place].id} {told(place)}.") for place in places]

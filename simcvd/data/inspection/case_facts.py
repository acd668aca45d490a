"""One case in numbers: pure functions of its arrays. What is odd about the numbers, `oddities` says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = np.ndarray[Any, Any]
Three = tuple[float, float, float]
Sides = tuple[tuple[bool, bool], tuple[bool, bool], tuple[bool, bool]]

ALL_SIDES: Sides = ((True, True), (True, True), (True, True))

BINS = 1021
"""Of the histograms: a prime, so that the levels of integer images do not lie on the bins' edges."""
_SAMPLED_VOXELS = 100_000
_OTSU_BINS = 256


@dataclass(frozen=True)
class ChannelFacts:
    """One channel of an image, in numbers of the scanner or, where scans may be in any unit, of the prepared image.

    Attributes:
        low: 0.5th percentile.
        median: of all voxels.
        high: 99.5th percentile.
        dark: Otsu's threshold between the darker and the brighter part.
        smallest: value of the darkest voxel.
        histogram: voxels in `BINS` equal steps from the smallest to the largest value. Turning, mirroring and other
            units of intensity leave it what it is.
    """

    low: float
    median: float
    high: float
    dark: float
    smallest: float
    histogram: NDArray[np.int64] = field(repr=False, compare=False)


@dataclass(frozen=True)
class ClassFacts:
    """One class in one label.

    Attributes:
        voxels: how many.
        ml: their volume.
        extent_mm: sides of the box around them; 0 where there are none.
        centre_mm: middle of that box, from the label's first voxel.
        components: how many parts do not touch each other, not even by a corner.
        largest_part: share of the voxels that the largest part holds.
    """

    voxels: int
    ml: float
    extent_mm: Three = (0.0, 0.0, 0.0)
    centre_mm: Three = (0.0, 0.0, 0.0)
    components: int = 0
    largest_part: float = 0.0


@dataclass(frozen=True)
class LabelFacts:
    """One label and how it lies on its image.

    Attributes:
        classes: in the order of their numbers.
        border: sides of the scan that it touches, such as `low Z`.
        on_dark: share of the foreground on voxels below the first channel's `dark`.
        on_smallest: share of the foreground on voxels of the first channel's smallest value.
    """

    classes: tuple[ClassFacts, ...]
    border: tuple[str, ...] = ()
    on_dark: float = 0.0
    on_smallest: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether no class has a voxel."""
        return not any(each.voxels for each in self.classes)


@dataclass(frozen=True)
class CaseFacts:
    """One case.

    Attributes:
        id: the case's name.
        orientation: where the file's axes point to, e.g. `LPS`; None where it does not say.
        spacing_mm: voxel size along the file's axes.
        shape: voxels along the file's axes.
        split: `train_labeled`, `train_unlabeled`, `val` or `test`; None where that is not decided.
        channels: of the image; empty where it was not read.
        label: None where there is none, or it must not be looked at.
    """

    id: str
    orientation: str | None
    spacing_mm: Three
    shape: tuple[int, int, int]
    split: str | None = None
    channels: tuple[ChannelFacts, ...] = ()
    label: LabelFacts | None = None


def channel_facts(channel: Array) -> ChannelFacts:
    """Measure one channel `[X, Y, Z]`; percentiles come from up to 100,000 evenly spaced voxels."""
    voxels = channel.reshape(-1)
    smallest, largest = float(voxels.min()), float(voxels.max())
    scale = BINS / (largest - smallest) if largest > smallest else 0.0
    histogram = np.zeros(BINS, np.int64)
    for start in range(0, voxels.size, 2**22):  # so that no copy of a large scan is made
        places = ((voxels[start : start + 2**22] - smallest) * scale).astype(np.int64)
        histogram += np.bincount(np.minimum(places, BINS - 1), minlength=BINS)
    sample = voxels[:: max(1, voxels.size // _SAMPLED_VOXELS)]
    low, median, high = (float(value) for value in np.percentile(sample, [0.5, 50, 99.5]))
    return ChannelFacts(low, median, high, _otsu(np.clip(sample, low, high)), smallest, histogram)


def label_facts(
    label: Array,
    classes: int,
    spacing_mm: Sequence[float],
    on: tuple[Array, ChannelFacts] | None = None,
    borders: Sides = ALL_SIDES,
) -> LabelFacts:
    """Measure one label `[X, Y, Z]`.

    Args:
        label: class ids; values above `classes` count as background.
        classes: K, the number of foreground classes.
        spacing_mm: the label's voxel size.
        on: its image's first channel `[X, Y, Z]` and that channel's facts; None leaves both shares 0.
        borders: whether the array's lower and upper end along each axis is an end of the scan.
    """
    from scipy import ndimage

    boxes = ndimage.find_objects(label, max_label=classes)
    measured = tuple(_class_facts(label, index, box, spacing_mm) for index, box in enumerate(boxes, 1))
    touched = {
        f"{name} {'XYZ'[axis]}"
        for box in boxes
        if box is not None
        for axis, side in enumerate(box)
        for name, reached, ends in (
            ("low", side.start == 0, borders[axis][0]),
            ("high", side.stop == label.shape[axis], borders[axis][1]),
        )
        if reached and ends
    }
    dark = smallest = 0.0
    if on is not None and any(each.voxels for each in measured):
        image, facts = on
        under = image[(label > 0) & (label <= classes)]
        dark, smallest = float((under < facts.dark).mean()), float((under <= facts.smallest).mean())
    return LabelFacts(measured, tuple(sorted(touched, key=by_axis)), dark, smallest)


def by_axis(side: str) -> tuple[str, bool]:
    """Return what sides of a scan are sorted by: `low X`, `high X`, `low Y` and so on."""
    return side[-1], side.startswith("high")


def _class_facts(label: Array, index: int, box: Any, spacing_mm: Sequence[float]) -> ClassFacts:
    from scipy import ndimage

    if box is None:
        return ClassFacts(0, 0.0)
    mask = label[box] == index
    parts, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(parts.reshape(-1))[1:]
    voxels = int(sizes.sum())
    extent = [(side.stop - side.start) * mm for side, mm in zip(box, spacing_mm, strict=True)]
    centre = [(side.start + side.stop) / 2 * mm for side, mm in zip(box, spacing_mm, strict=True)]
    return ClassFacts(
        voxels=voxels,
        ml=voxels * float(np.prod(spacing_mm)) / 1000,
        extent_mm=(extent[0], extent[1], extent[2]),
        centre_mm=(centre[0], centre[1], centre[2]),
        components=int(count),
        largest_part=float(sizes.max()) / voxels,
    )


def _otsu(sample: Array) -> float:
    """Return the threshold with the largest variance between the two sides (Otsu 1979)."""
    counts, edges = np.histogram(sample, bins=_OTSU_BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    above = counts.sum() - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1 + int(np.argmax(np.nan_to_num(between)))])

"""What a folder of scans offers to a preparation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.preparation.splits import SplitCounts, SplitLists
from simcvd.data.readers import Volume

Array = np.ndarray[Any, Any]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class SourceCase:
    """Where a case comes from.

    Attributes:
        id: the case's name.
        image: the image's file.
        label: the label's file, none where there is no label.
        normalise: whether each channel gets mean 0 and variance 1 over the kept voxels, or stays as it is.
        crop: returns the voxels to keep, from the image and the label (none if there is none).
    """

    id: str
    image: Path
    label: Path | None
    normalise: bool = True
    crop: Callable[[Array, Array | None], Box] | None = None


@dataclass(frozen=True)
class ScanFolder:
    """A folder of scans.

    Attributes:
        kind: `la` or `nifti`.
        folder: where it is.
        cases: in the order of their list.
        read_image: reads a case's image.
        read_label: reads the label of a case that has one.
        classes: names of the foreground classes; none finds them in the labels of the labelled training cases.
        channels: names of the image channels; none numbers them.
        default_counts: maps how many cases have a label to the split of a person who asks for none.
        lists: the split that the source itself brings, for a person who asks for no other.
        problems: what is wrong with cases that can't even be read, by id.
        notes: what a person should know.
        label_guided_crop: see `DatasetInfo`.
        preset: see `DatasetInfo`.
    """

    kind: str
    folder: Path
    cases: tuple[SourceCase, ...]
    read_image: Callable[[SourceCase], Volume]
    read_label: Callable[[SourceCase], Volume]
    classes: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    default_counts: Callable[[int], SplitCounts] = lambda _: SplitCounts()
    lists: SplitLists | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    label_guided_crop: bool = False
    preset: str | None = None

"""What the rules of a plan look at: facts of the training cases, none of the validation or test cases."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median_low

import numpy as np
from scipy import ndimage

from simcvd.data.dataset_info import DatasetInfo, Shape
from simcvd.data.plan.sides import Sides
from simcvd.data.store import open_labeled


@dataclass(frozen=True)
class Fingerprint:
    """Facts of a data set's training cases.

    Attributes:
        shapes: voxels of each training case, at least one.
        spacing_mm: median voxel size.
        channels: I, channels of the image.
        classes: K, foreground classes.
        labeled: training cases with a label.
        unlabeled: training cases without.
        val: validation cases.
        extents_vox: of each class, the median sides of the box around it, over the labelled training cases that have
            it; a class that none has is left out.
        mirrored: names of classes that are each other's mirror image and never change places.
    """

    shapes: tuple[Shape, ...]
    spacing_mm: tuple[float, float, float]
    channels: int
    classes: int
    labeled: int
    unlabeled: int
    val: int
    extents_vox: tuple[Shape, ...] = ()
    mirrored: tuple[tuple[str, str], ...] = ()

    @property
    def median_shape(self) -> Shape:
        """Median of each side."""
        return _medians(self.shapes)

    @property
    def largest_extent(self) -> Shape:
        """The longest extent of any class along each axis; 0 where no class is known."""
        x, y, z = (max((extent[axis] for extent in self.extents_vox), default=0) for axis in range(3))
        return x, y, z


def fingerprint_of(folder: Path, info: DatasetInfo) -> Fingerprint:
    """Read what a plan needs; of the labels those of the labelled training cases alone.

    Args:
        folder: the data set folder, its case files written.
        info: what it will be described by.
    """
    extents: dict[int, list[Shape]] = {}
    sides = Sides(len(info.classes))
    for case_id in info.splits.train_labeled:
        label = np.asarray(open_labeled(folder, case_id).label)
        boxes = ndimage.find_objects(label, max_label=len(info.classes))
        sides.look(boxes, label)
        for number, box in enumerate(boxes, start=1):
            if box is not None:  # the case has the class
                x, y, z = (side.stop - side.start for side in box)
                extents.setdefault(number, []).append((x, y, z))
    return Fingerprint(
        shapes=tuple(info.shapes[case_id] for case_id in info.train_order),
        spacing_mm=info.spacing_mm,
        channels=len(info.channels),
        classes=len(info.classes),
        labeled=len(info.splits.train_labeled),
        unlabeled=len(info.splits.train_unlabeled),
        val=len(info.splits.val),
        extents_vox=tuple(_medians(found) for _, found in sorted(extents.items())),
        mirrored=tuple((info.classes[pair.first - 1], info.classes[pair.second - 1]) for pair in sides.pairs()),
    )


def _medians(shapes: "tuple[Shape, ...] | list[Shape]") -> Shape:
    x, y, z = (median_low(shape[axis] for shape in shapes) for axis in range(3))
    return x, y, z

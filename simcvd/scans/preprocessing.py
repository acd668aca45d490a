"""The way of a scan into a network and of a mask back onto the scan: the same in preparation and in prediction."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from simcvd.errors import UserError
from simcvd.host_memory import available_bytes
from simcvd.scans.label_crop import Box, LabelCrop, whole
from simcvd.scans.normalisation import Normalisation
from simcvd.scans.orientation import Turn, orient
from simcvd.scans.resampling import (
    Shape,
    highest_class,
    resample_image,
    resample_label,
    resample_map,
    resampled_affine,
    resampled_shape,
)
from simcvd.scans.volume import Array, Spacing, Volume


class Preprocessing(BaseModel):
    """What every scan of a data set goes through, in this order.

    Attributes:
        orientation: where the axes point to, e.g. `RAS`; none leaves them as the file has them.
        spacing_mm: voxel size of all; none leaves each scan its own.
        crop: the box around the organ; none keeps the whole scan.
        normalisation: of the kept voxels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    orientation: str | None = None
    spacing_mm: Spacing | None = None
    crop: LabelCrop | None = None
    normalisation: Normalisation = Normalisation()


@dataclass(frozen=True)
class OnGrid:
    """A scan on the data set's grid, its intensities still the scanner's.

    Attributes:
        image: `[I, X, Y, Z]`.
        affine: `[4, 4]`, voxel index to RAS+ mm.
        spacing_mm: voxel size of `image`.
        turn: how the file's axes were turned.
        scan_shape: voxels of the turned scan before it was resampled.
        scan_spacing_mm: voxel size of the turned scan before it was resampled.
        file_affine: `[4, 4]`, voxel index in the file to RAS+ mm.
    """

    image: Array
    affine: Array
    spacing_mm: Spacing
    turn: Turn
    scan_shape: Shape
    scan_spacing_mm: Spacing
    file_affine: Array

    @property
    def resampled(self) -> bool:
        """Whether voxels have another size than in the file."""
        return self.spacing_mm != self.scan_spacing_mm

    def label(self, on_scan: Array) -> NDArray[np.uint8]:
        """Return a label of the turned scan on this grid."""
        if not self.resampled:
            return np.asarray(on_scan, np.uint8)
        return resample_label(on_scan, self.scan_spacing_mm, self.spacing_mm)

    def mask_on_file(self, scores: Iterable[Array], box: Box | None = None) -> NDArray[np.uint8]:
        """Return the class of the highest score on the file's own grid, `[X, Y, Z]` in the file's order.

        Args:
            scores: for each class, background first, a map `[X, Y, Z]` of the kept voxels.
            box: the kept voxels of this grid; all others are background. None: all are kept.
        """
        shape = self.image.shape[-3:]
        maps = scores if box is None else in_box(scores, box, shape)
        chosen = highest_class(maps, self.spacing_mm, self.scan_spacing_mm, self.scan_shape)
        return np.ascontiguousarray(self.turn.back(chosen))


def in_box(scores: Iterable[Array], box: Box, shape: tuple[int, ...]) -> Iterable[Array]:
    """Return each class's probabilities on the whole grid, from those of a box: all else is background, class 0."""
    for index, scored in enumerate(scores):
        if box == whole(shape):
            yield scored
        else:
            out = np.full(shape, 1.0 if index == 0 else 0.0, np.float32)
            out[box] = scored
            yield out


def to_grid(volume: Volume, preprocessing: Preprocessing) -> OnGrid:
    """Bring a scan to the data set's orientation and voxel size.

    Raises:
        UserError: a scan that would have no or too many voxels.
    """
    turned, turn = (volume, Turn()) if preprocessing.orientation is None else orient(volume, preprocessing.orientation)
    # One order in memory, that of NIfTI files, so that sums over turned copies are equal to the last bit.
    image = np.ascontiguousarray(turned.channels.transpose(0, 3, 2, 1)).transpose(0, 3, 2, 1)
    target = preprocessing.spacing_mm
    if target is None or not volume.located or same_spacing(turned.spacing_mm, target):
        own = turned.spacing_mm
        return OnGrid(image, turned.affine, own, turn, turned.shape, own, volume.affine)
    shape = resampled_shape(turned.shape, turned.spacing_mm, target)
    _refuse_no_room(image, shape, target)
    affine = resampled_affine(turned.affine, turned.shape, target, shape)
    resampled = resample_image(image, turned.spacing_mm, target)
    if preprocessing.normalisation.kind == "z_score_nonzero":
        # A spline leaves no voxel at exactly 0, by which the cut away background is known.
        for channel, raw in zip(resampled, image, strict=True):
            channel[resample_map(raw != 0, turned.spacing_mm, target, shape) < 0.5] = 0
    return OnGrid(resampled, affine, target, turn, turned.shape, turned.spacing_mm, volume.affine)


def _refuse_no_room(image: Array, shape: Shape, target: Spacing) -> None:
    """Refuse a scan that grows too large, before memory is taken; its header may say voxels as large as a room."""
    free = available_bytes()
    # Single precision, and a spline's weights along each axis: new voxels by old ones.
    channels, *sides = image.shape
    matrix = 8 * max(own * max(own, new) for own, new in zip(sides, shape, strict=True))
    needed = 4 * channels * math.prod(shape) + matrix
    if math.prod(shape) > MOST_VOXELS or (free is not None and needed > free):
        raise UserError(
            f"at {millimetres(target)} the scan would have {' x '.join(map(str, shape))} voxels and take "
            f"{needed / 1e9:.3g} GB of memory, expected fewer; choose a larger spacing"
        )


def turned_label(label: Volume, preprocessing: Preprocessing) -> Array:
    """Return a label `[X, Y, Z]` in the data set's orientation, its voxels as in the file."""
    return label.array if preprocessing.orientation is None else orient(label, preprocessing.orientation)[0].array


def same_spacing(one: Spacing, other: Spacing) -> bool:
    """Tell whether two voxel sizes are equal but for rounding in headers (a thousandth)."""
    return all(abs(a - b) <= 1e-3 * min(a, b) for a, b in zip(one, other, strict=True))


MOST_VOXELS = 2**30
"""Most voxels a channel: 4 GiB."""


def millimetres(spacing: Iterable[float]) -> str:
    """Return a voxel size as people write it, e.g. `1 x 1 x 2.5 mm`."""
    return " x ".join(f"{side:.4g}" for side in spacing) + " mm"

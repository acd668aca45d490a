"""The box around an organ, as the field's benchmarks crop their scans."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

Array = np.ndarray[Any, Any]
Box = tuple[slice, slice, slice]


class LabelCrop(BaseModel):
    """The box around all foreground, widened by a margin and to a least size, cut at the scan's border.

    Attributes:
        margin_vox: voxels on each side, by axis; none keeps the whole axis.
        least_vox: least voxels of the box, by axis, where there are any; 0 asks for nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    margin_vox: tuple[int | None, int | None, int | None]
    least_vox: tuple[int, int, int] = (0, 0, 0)

    def box(self, label: Array) -> Box:
        """Return the voxels to keep, from a label `[X, Y, Z]`; all of them if it is empty."""
        if not label.any():
            return whole(label.shape)
        sides = []
        for axis, (margin, least) in enumerate(zip(self.margin_vox, self.least_vox, strict=True)):
            if margin is None:
                sides.append(slice(0, label.shape[axis]))
                continue
            occupied = np.flatnonzero(label.any(axis=tuple(other for other in range(3) if other != axis)))
            first, last = int(occupied[0]), int(occupied[-1])
            widening = margin + max(least - (last - first), 0) // 2
            sides.append(slice(max(first - widening, 0), min(last + 1 + widening, label.shape[axis])))
        return sides[0], sides[1], sides[2]


def whole(shape: tuple[int, ...]) -> Box:
    """Return the box that keeps all voxels."""
    return slice(0, shape[-3]), slice(0, shape[-2]), slice(0, shape[-1])

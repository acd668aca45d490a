"""Where surfaces are seen from, and how much of a case is in view: the label fills it, strays do not shrink it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis.figures.cases.case_slices import QualitativeCase

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analysis.comparison.aggregate import Floats
    from analysis.figures.cases.case_slices import Labels

DIRECTION_DEGREES: Final = (-60.0, 25.0)
"""Azimuth around the array's third axis, which points up, and elevation of the eye."""
_MARGIN_SHARE: Final = 0.15
_LEAST_MARGIN_MM: Final = 2.0


@dataclass(frozen=True)
class Eye:
    """Parallel projection along a direction: unit vectors in mm.

    Attributes:
        toward: from the volume to the eye.
        right: what runs to the right on paper.
        up: what runs upwards.
    """

    toward: "Floats"
    right: "Floats"
    up: "Floats"

    @property
    def plane(self) -> "Floats":
        """Takes points `[N, 3]` to the paper, `[N, 2]`, by multiplication: `[3, 2]`."""
        import numpy as np

        return np.stack([self.right, self.up], axis=1)


def eye_at(view_degrees: tuple[float, float] = DIRECTION_DEGREES) -> Eye:
    """Return the eye at an azimuth and an elevation."""
    import numpy as np

    azimuth, elevation = (math.radians(angle) for angle in view_degrees)
    toward = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    return Eye(toward, right, np.cross(toward, right))


def body(case: QualitativeCase) -> "npt.NDArray[np.bool_]":
    """Return what a view is fitted to: the label, or, where it is empty, each prediction's largest part."""
    import numpy as np

    if (case.reference > 0).any():
        return np.asarray(case.reference > 0)
    found = np.zeros(case.reference.shape, dtype=bool)
    for labels in case.predictions.values():
        found |= _largest_part(labels > 0)
    return found


def window(case: QualitativeCase, eye: Eye) -> tuple["Floats", "Floats"]:
    """Return the lower left and the upper right corner of what is in view, in mm on the paper's plane."""
    import numpy as np

    points = _projected(body(case), case.spacing_mm, eye)
    if not len(points):
        return np.zeros(2), np.ones(2)
    low, high = points.min(axis=0), points.max(axis=0)
    half_voxel = np.abs(eye.plane.T) @ np.array(case.spacing_mm) / 2
    room = np.maximum(_MARGIN_SHARE * (high - low), _LEAST_MARGIN_MM) + half_voxel
    return low - room, high + room


def outside(case: QualitativeCase, eye: Eye) -> Mapping[str, int]:
    """Return how many voxels of each prediction lie out of view; those that have any."""
    low, high = window(case, eye)
    found = {}
    for name, labels in case.predictions.items():
        points = _projected(labels > 0, case.spacing_mm, eye)
        if count := int(((points < low) | (points > high)).any(axis=1).sum()):
            found[name] = count
    return found


def _projected(mask: "npt.NDArray[np.bool_]", spacing_mm: tuple[float, float, float], eye: Eye) -> "Floats":
    """Return the middles of a mask's voxels on the paper's plane, `[N, 2]`."""
    import numpy as np

    found: Floats = ((np.argwhere(mask) + 0.5) * np.array(spacing_mm)) @ eye.plane
    return found


def _largest_part(mask: "Labels | Any") -> "npt.NDArray[np.bool_]":
    import numpy as np
    from scipy.ndimage import label

    parts, count = label(mask)
    if count < 2:
        return np.asarray(mask, dtype=bool)
    return np.asarray(parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])))

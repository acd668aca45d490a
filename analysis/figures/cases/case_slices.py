"""Single cases for qualitative figures, and which slices of them to show.

An array's own axes are kept: planes are called x-y, x-z and y-z after them, the first axis of a plane runs to the right
and the second upwards. Whether that is left or right of the patient only the image's affine could say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Labels = npt.NDArray[np.integer[Any]]

PLANES: Final = ("x-y", "x-z", "y-z")
_CROSSED: Final = {"x-y": 2, "x-z": 1, "y-z": 0}
_LEAST_MARGIN_MM: Final = 4.0


@dataclass(frozen=True)
class QualitativeCase:
    """One case with the predictions of several variants.

    Attributes:
        name: the case's id.
        role: why it is shown: `best`, `median`, `worst`.
        image: `[X, Y, Z]`, any unit.
        reference: the label, class of each voxel, 0 is background, `[X, Y, Z]`.
        predictions: the same by variant; a variant without one has an empty panel.
        spacing_mm: size of a voxel along X, Y and Z.
        scores: the case's score by variant, stored unit.
    """

    name: str
    role: str
    image: "npt.NDArray[np.floating[Any]]"
    reference: "Labels"
    predictions: Mapping[str, "Labels"]
    spacing_mm: tuple[float, float, float]
    scores: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that all arrays are of one grid."""
        shapes = {"image": self.image.shape, "reference": self.reference.shape}
        shapes |= {f"prediction of {name}": labels.shape for name, labels in self.predictions.items()}
        if len(self.image.shape) != 3 or len(set(shapes.values())) > 1:
            found = ", ".join(f"{what} {shape}" for what, shape in shapes.items())
            raise ValueError(f"expected arrays [X, Y, Z] of one shape, found {found}")
        if len(self.spacing_mm) != 3 or not all(size > 0 for size in self.spacing_mm):
            raise ValueError(f"expected three spacings above 0 mm, found {self.spacing_mm}")

    @property
    def title(self) -> str:
        """Role and name."""
        return f"{self.role}: {self.name}" if self.role else self.name


@dataclass(frozen=True)
class Slice:
    """A plane through a case.

    Attributes:
        plane: one of `PLANES`.
        at: place along the axis that the plane crosses, from 0.
        window_mm: what is shown: left, right, bottom, top.
    """

    plane: str
    at: int
    window_mm: tuple[float, float, float, float]

    @property
    def aspect(self) -> float:
        """Height over width of the window."""
        left, right, bottom, top = self.window_mm
        return (top - bottom) / (right - left)

    def of(self, volume: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """Cut the plane out of a volume: `[first axis, second axis]`."""
        cut: npt.NDArray[Any] = volume.take(self.at, axis=_CROSSED[self.plane])
        return cut

    def sizes(self, spacing_mm: tuple[float, float, float]) -> tuple[float, float]:
        """Return the size of a pixel along the first and the second axis of the plane."""
        first, second = (size for axis, size in enumerate(spacing_mm) if axis != _CROSSED[self.plane])
        return first, second


def choose_slice(case: QualitativeCase, plane: str, margin: float = 0.2) -> Slice:
    """Return the slice with the largest area of the label, and the window around all that is outlined in it.

    Where the label is empty, the slice with the largest predicted area is taken, else the middle one.

    Args:
        case: the case.
        plane: one of `PLANES`.
        margin: room around the outlines as a share of their extent, at least 4 mm.
    """
    import numpy as np

    crossed = _CROSSED[plane]
    others = tuple(axis for axis in range(3) if axis != crossed)
    predicted = np.logical_or.reduce([np.zeros(case.image.shape, bool), *(p > 0 for p in case.predictions.values())])
    masks = [case.reference > 0, predicted]
    area = next((found for mask in masks if (found := mask.sum(axis=others)).any()), None)
    at = case.image.shape[crossed] // 2 if area is None else int(np.argmax(area))
    outlined = (masks[0] | masks[1]).take(at, axis=crossed)
    window: list[float] = []
    for place, axis in enumerate(others):
        size, length = case.spacing_mm[axis], case.image.shape[axis]
        filled = np.flatnonzero(outlined.any(axis=1 - place))
        low, high = (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, length)
        room = max(margin * (high - low) * size, _LEAST_MARGIN_MM)
        window += [max(0.0, low * size - room), min(length * size, high * size + room)]
    left, right, bottom, top = window
    return Slice(plane, at, (left, right, bottom, top))

"""The planes that a DICOM file holds: where they are, and what their values mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.errors import UserError
from simcvd.scans.dicom.file import Dataset, readable

HEADER_TAGS = (
    "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "Rows", "Columns", "SamplesPerPixel",
    "PhotometricInterpretation", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope",
    "RescaleIntercept", "ModalityLUTSequence", "NumberOfFrames", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)  # fmt: skip


@dataclass(frozen=True)
class Plane:
    """One slice.

    Attributes:
        path: its file.
        frame: its number in the file, from 0.
        shape: rows and columns.
        position: of the first pixel's centre, DICOM's LPS mm.
        rows: unit vector along a row, to the next column.
        columns: unit vector down a column, to the next row.
        pixel_mm: distance of rows, then of columns.
        slope: of stored values.
        intercept: of stored values.
    """

    path: Path
    frame: int
    shape: tuple[int, int]
    position: tuple[float, ...]
    rows: tuple[float, ...]
    columns: tuple[float, ...]
    pixel_mm: tuple[float, float]
    slope: float
    intercept: float


def planes_of(path: Path, header: Dataset) -> list[Plane]:
    """Return the planes of a file: one, or one a frame of an enhanced object.

    Raises:
        UserError: a colour image, or no usable position, orientation or pixel size.
    """
    with readable(path):
        return _planes(path, header)


def _planes(path: Path, header: Dataset) -> list[Plane]:
    if int(header.get("SamplesPerPixel", 1)) != 1 or header.get("PhotometricInterpretation") == "PALETTE COLOR":
        raise UserError(f"{path} is a colour image, expected grey values.")
    if header.get("ModalityLUTSequence"):
        raise UserError(f"{path} gives its unit by a look-up table, expected a rescale slope and intercept.")
    count = int(header.get("NumberOfFrames", None) or 1)
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if not frames:
        if count > 1:
            raise UserError(f"{path} has {count} frames but does not say where they are.")
        return [_plane(path, 0, header, [header])]
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    if len(frames) != count:
        raise UserError(f"{path} has {count} frames but places {len(frames)}.")
    return [
        _plane(path, number, header, [*_groups(frame), *_groups(shared), header]) for number, frame in enumerate(frames)
    ]


def _groups(item: Any) -> list[Dataset]:
    """Return the functional groups of an enhanced object that say where a frame is and what its values mean."""
    names = (
        "PlanePositionSequence",
        "PlaneOrientationSequence",
        "PixelMeasuresSequence",
        "PixelValueTransformationSequence",
    )
    return [item[name][0] for name in names if item is not None and item.get(name)]


def _plane(path: Path, frame: int, header: Dataset, places: Sequence[Dataset]) -> Plane:
    def numbers(name: str, count: int, default: list[float] | None = None) -> tuple[float, ...]:
        try:
            found = next(
                (place[name].value for place in places if name in place and place[name].value is not None), default
            )
            values = [] if found is None else [float(value) for value in np.atleast_1d(found)]
        except (ValueError, TypeError):
            values = []
        if len(values) != count or not np.isfinite(values).all():
            raise UserError(f"{path} has no usable {name}, so where its pixels are is unknown.")
        return tuple(values)

    axes = numbers("ImageOrientationPatient", 6)
    lengths = np.linalg.norm(axes[:3]), np.linalg.norm(axes[3:])
    if not np.allclose(lengths, 1, atol=1e-2) or abs(np.dot(axes[:3], axes[3:])) > 1e-2:
        raise UserError(f"{path} has no usable ImageOrientationPatient: its two directions are not at right angles.")
    rows, columns = header.get("Rows"), header.get("Columns")
    if not (rows and columns):
        raise UserError(f"{path} has {rows or 'no'} rows and {columns or 'no'} columns, expected pixels.")
    pixel_mm = numbers("PixelSpacing", 2)
    if min(pixel_mm) <= 0:
        raise UserError(f"{path} has pixels of {pixel_mm[0]:g} x {pixel_mm[1]:g} mm, expected positive numbers.")
    return Plane(
        path,
        frame,
        (int(rows), int(columns)),
        numbers("ImagePositionPatient", 3),
        tuple(float(value / lengths[0]) for value in axes[:3]),
        tuple(float(value / lengths[1]) for value in axes[3:]),
        (pixel_mm[0], pixel_mm[1]),
        numbers("RescaleSlope", 1, [1.0])[0],
        numbers("RescaleIntercept", 1, [0.0])[0],
    )

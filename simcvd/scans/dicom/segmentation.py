"""DICOM segmentation objects (DICOM-SEG): one class a segment, laid onto the voxels of the series that they segment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.errors import UserError
from simcvd.scans.dicom.file import Dataset, read_file, read_header, readable
from simcvd.scans.dicom.plane import Plane, planes_of
from simcvd.scans.dicom.series import Series
from simcvd.scans.volume import Array, Volume

_OFF_GRID = 0.1  # of a voxel


def segment_names(path: Path) -> dict[int, str]:
    """Return the names of the segments by their numbers.

    Raises:
        UserError: missing, truncated or foreign file, or segments without different names.
    """
    header = read_header(path, ["SegmentSequence"])
    with readable(path):
        names = _segments(header, path)
    if len(set(names.values())) < len(names) or not all(names.values()):
        raise UserError(f"{path} names its segments {', '.join(names.values())}; expected different names.")
    return names


def read_segmentation(path: Path, series: Series, class_ids: Mapping[str, int] | None = None) -> Volume:
    """Read a binary segmentation as class ids on the voxels of a series; frames that are not stored are background.

    Args:
        path: the segmentation's file.
        series: what it segments.
        class_ids: the class of each segment name; none takes the segments' numbers.

    Raises:
        UserError: a damaged file, another type of segmentation, another grid, or segments that overlap.
    """
    dataset = read_file(path)
    with readable(path):
        return _on_series(dataset, path, series, class_ids)


def _on_series(dataset: Dataset, path: Path, series: Series, class_ids: Mapping[str, int] | None) -> Volume:
    names = _segments(dataset, path)
    kind = str(dataset.get("SegmentationType", ""))
    if kind != "BINARY" or int(dataset.get("BitsAllocated", 1)) != 1:
        raise UserError(f"{path} is a segmentation of the type {kind or 'unknown'}, expected BINARY.")
    planes = planes_of(path, dataset)
    masks = _frames(dataset, path, len(planes))
    out = np.zeros(series.shape, np.min_scalar_type(max(names)) if class_ids is None else np.uint8)
    to_index = np.linalg.inv(series.affine)
    for plane, mask, item in zip(planes, masks, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        number = _segment_of(item, dataset, path)
        if number not in names:
            raise UserError(f"{path} has a frame of segment {number}, which it does not describe.")
        value = number if class_ids is None else class_ids[names[number]]
        where = _voxels(plane, mask, to_index, series, path)
        taken = out[where]
        if (overlap := int(((taken != 0) & (taken != value)).sum())) > 0:
            raise UserError(f"{path} has segments that overlap in {overlap} voxels, expected one class a voxel.")
        out[where] = value
    return Volume(out, series.affine, series.spacing_mm)


def _segments(dataset: Dataset, path: Path) -> dict[int, str]:
    items = dataset.get("SegmentSequence")
    if not items:
        raise UserError(f"{path} is no DICOM segmentation: it has no segments.")
    return {int(item.SegmentNumber): str(item.get("SegmentLabel", "")).strip() for item in items}


def _segment_of(frame: Any, dataset: Dataset, path: Path) -> int:
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for place in (frame, *shared):
        found = place.get("SegmentIdentificationSequence")
        if found:
            return int(found[0].ReferencedSegmentNumber)
    raise UserError(f"{path} has a frame that does not say which segment it shows.")


def _frames(dataset: Dataset, path: Path, count: int) -> Array:
    """Return the masks `[frames, rows, columns]`; bits follow each other without a break between frames."""
    shape = (count, int(dataset.Rows), int(dataset.Columns))
    data = np.frombuffer(dataset.get("PixelData", b""), np.uint8)
    if data.size * 8 < np.prod(shape):
        raise UserError(f"{path} is truncated: it holds {data.size * 8} pixels, expected {np.prod(shape)}.")
    return np.unpackbits(data, count=int(np.prod(shape)), bitorder="little").reshape(shape).astype(bool)


def _voxels(plane: Plane, mask: Array, to_index: Array, series: Series, path: Path) -> tuple[Array, Array, Array]:
    """Return the voxels of the series under a frame's pixels, however its rows and columns run."""
    to_ras = np.array([-1, -1, 1])
    origin = to_index[:3, :3] @ (to_ras * plane.position) + to_index[:3, 3]
    across = to_index[:3, :3] @ (to_ras * plane.rows) * plane.pixel_mm[1]
    down = to_index[:3, :3] @ (to_ras * plane.columns) * plane.pixel_mm[0]
    rows, columns = mask.shape
    corners = [origin + across * column + down * row for column in (0, columns - 1) for row in (0, rows - 1)]
    if max(np.abs(corner - np.rint(corner)).max() for corner in (*corners, origin + across, origin + down)) > _OFF_GRID:
        raise UserError(f"{path} lies on other voxels than the series, expected the series' own grid.")
    at_row, at_column = np.nonzero(mask)
    indices = np.rint(origin[:, None] + across[:, None] * at_column + down[:, None] * at_row).astype(int)
    outside = ((indices < 0) | (indices >= np.array(series.shape)[:, None])).any()
    if outside:
        raise UserError(f"{path} marks voxels outside of the series, expected the series' own grid.")
    return indices[0], indices[1], indices[2]

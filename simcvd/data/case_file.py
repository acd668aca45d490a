"""`cases/ID.h5`: one case, contiguous and uncompressed, read through a memory map."""

import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from simcvd.case_id import case_file_name
from simcvd.data.dataset_info import Shape
from simcvd.data.sdm import signed_distance_maps
from simcvd.errors import DataError, UserError
from simcvd.files import replacing
from simcvd.hdf5 import held
from simcvd.scans.reading import system_refusal

Array = np.ndarray[Any, Any]
_Number = TypeVar("_Number", int, float)

_PAGE = 4096  # data sets start on pages, so that maps of them do too


@dataclass(frozen=True)
class OnScan:
    """The scan's own voxels, where the case's have another size: there its prediction is scored.

    Attributes:
        spacing_mm: voxel size.
        shape: voxels, in the orientation of the case.
        label: uint8 `[X, Y, Z]`; none where unknown or not asked for.
    """

    spacing_mm: tuple[float, float, float]
    shape: Shape
    label: Array | None = None


@dataclass(frozen=True)
class CaseFile:
    """One case; arrays are read-only memory maps, so that all processes of a node share the page cache.

    Attributes:
        id: the case's name.
        image: float32 `[I, X, Y, Z]`, normalised.
        label: uint8 `[X, Y, Z]`, 0 is background; none where unknown or not asked for.
        sdm: float16 `[K, X, Y, Z]`; present where the label is.
        spacing_mm: voxel size.
        affine: `[4, 4]`, voxel index to mm, of the grid before cropping.
        original_shape: voxels before cropping.
        crop_start: index of the first kept voxel in the grid before cropping.
        intensity_mean: per channel, what the normalisation subtracted.
        intensity_std: per channel, what it then divided by.
        on_scan: the scan's own grid; none where the case lies on it.
    """

    id: str
    image: Array
    label: Array | None
    sdm: Array | None
    spacing_mm: tuple[float, float, float]
    affine: Array
    original_shape: Shape
    crop_start: Shape
    intensity_mean: tuple[float, ...]
    intensity_std: tuple[float, ...]
    on_scan: OnScan | None = None


@dataclass(frozen=True)
class Grid:
    """Where a case's arrays lie in the scan.

    Attributes:
        spacing_mm: voxel size.
        affine: `[4, 4]`, voxel index to mm, of the grid before cropping.
        original_shape: voxels before cropping.
        crop_start: first kept voxel in the grid before cropping.
        on_scan: the scan's own grid, where this one has other voxels.
    """

    spacing_mm: Sequence[float]
    affine: Array
    original_shape: Sequence[int]
    crop_start: Sequence[int] = (0, 0, 0)
    on_scan: OnScan | None = None


def case_path(folder: Path, case_id: str) -> Path:
    """Return where the case's file is.

    Raises:
        DataError: an id that can't be a file's name.
    """
    return Path(folder) / "cases" / case_file_name(case_id)


def open_case(folder: Path, case_id: str, *, with_label: bool) -> CaseFile:
    """Map a case into memory; without `with_label`, neither label nor distance map is touched.

    Raises:
        DataError: missing, truncated or foreign file.
    """
    path = case_path(folder, case_id)
    names = ("image", "label", "sdm", "scan_label") if with_label else ("image",)
    try:
        with h5py.File(path, "r") as file:
            found = {name: held(file, name) for name in names}
            if found["image"] is None:
                raise ValueError("it has no image")
            places = {name: _place(dataset) for name, dataset in found.items() if dataset is not None}
            attributes = dict(file.attrs)
        arrays = _map(path, places)
        image = arrays["image"]
        return CaseFile(
            id=case_id,
            image=image[np.newaxis] if image.ndim == 3 else image,
            label=arrays.get("label"),
            sdm=arrays.get("sdm"),
            spacing_mm=_three(attributes["spacing_mm"], float),
            affine=np.asarray(attributes["affine"], dtype=np.float64),
            original_shape=_three(attributes["original_shape"], int),
            crop_start=_three(attributes["crop_start"], int),
            intensity_mean=tuple(float(x) for x in attributes["intensity_mean"]),
            intensity_std=tuple(float(x) for x in attributes["intensity_std"]),
            on_scan=_on_scan(attributes, arrays.get("scan_label")),
        )
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EMFILE:
            raise UserError("Each mapped case needs an open file and too many are; raise `ulimit -n`.") from error
        if isinstance(error, OSError) and (refusal := system_refusal(path, error)) is not None:
            raise DataError(refusal) from error
        if isinstance(error, FileNotFoundError):
            raise DataError(f"The case file {path} is missing; run the same `simcvd prepare` again.") from error
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is truncated or no case file ({reason}); delete it and prepare anew.") from error


def has_label(folder: Path, case_id: str) -> bool:
    """Tell whether the case's file holds a label, without reading it."""
    with h5py.File(case_path(folder, case_id), "r") as file:
        return held(file, "label") is not None


def write_case(
    folder: Path,
    case_id: str,
    image: Array,
    label: Array | None,
    grid: Grid,
    *,
    classes: int,
    intensity_mean: Sequence[float] | None = None,
    intensity_std: Sequence[float] | None = None,
) -> str:
    """Write a case with its signed distance maps by rename and return the digest of its content.

    Args:
        folder: the data set folder.
        case_id: the case's name.
        image: `[X, Y, Z]` or `[I, X, Y, Z]`, normalised.
        label: `[X, Y, Z]` with values 0 to K, or none.
        grid: where the arrays lie in the scan.
        classes: K, the number of foreground classes.
        intensity_mean: per channel, what the normalisation subtracted; default 0.
        intensity_std: per channel, what it divided by; default 1.
    """
    channels = 1 if image.ndim == 3 else image.shape[0]
    stored = image[0] if image.ndim == 4 and channels == 1 else image
    arrays: dict[str, Array] = {"image": np.ascontiguousarray(stored, dtype=np.float32)}
    if label is not None:
        arrays["label"] = np.ascontiguousarray(label, dtype=np.uint8)
        arrays["sdm"] = np.ascontiguousarray(signed_distance_maps(arrays["label"], classes), dtype=np.float16)
    attributes: dict[str, Array] = {
        "spacing_mm": np.asarray(grid.spacing_mm, dtype=np.float64),
        "affine": np.asarray(grid.affine, dtype=np.float64),
        "original_shape": np.asarray(grid.original_shape, dtype=np.int64),
        "crop_start": np.asarray(grid.crop_start, dtype=np.int64),
        "intensity_mean": np.asarray(intensity_mean or (0.0,) * channels, dtype=np.float64),
        "intensity_std": np.asarray(intensity_std or (1.0,) * channels, dtype=np.float64),
    }
    if (scan := grid.on_scan) is not None:
        attributes |= _scan_attributes(scan)
        if scan.label is not None:
            arrays["scan_label"] = np.ascontiguousarray(scan.label, dtype=np.uint8)
    with (
        replacing(case_path(folder, case_id)) as partial,
        h5py.File(partial, "w", alignment_threshold=_PAGE, alignment_interval=_PAGE) as file,
    ):
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        file.attrs.update(attributes)
    return _digest(arrays | attributes)


def case_digest(folder: Path, case_id: str) -> str:
    """Compute the digest of a case file's content anew.

    Raises:
        DataError: missing, truncated or foreign file.
    """
    case = open_case(folder, case_id, with_label=True)
    content = {
        "image": case.image[0] if len(case.image) == 1 else case.image,
        "label": case.label,
        "sdm": case.sdm,
        "spacing_mm": np.asarray(case.spacing_mm, dtype=np.float64),
        "affine": case.affine,
        "original_shape": np.asarray(case.original_shape, dtype=np.int64),
        "crop_start": np.asarray(case.crop_start, dtype=np.int64),
        "intensity_mean": np.asarray(case.intensity_mean, dtype=np.float64),
        "intensity_std": np.asarray(case.intensity_std, dtype=np.float64),
    }
    if case.on_scan is not None:
        content |= {**_scan_attributes(case.on_scan), "scan_label": case.on_scan.label}
    return _digest({name: array for name, array in content.items() if array is not None})


def _scan_attributes(scan: OnScan) -> dict[str, Array]:
    return {
        "scan_spacing_mm": np.asarray(scan.spacing_mm, dtype=np.float64),
        "scan_shape": np.asarray(scan.shape, dtype=np.int64),
    }


def _on_scan(attributes: dict[str, Any], label: Array | None) -> OnScan | None:
    if "scan_spacing_mm" not in attributes:
        return None
    return OnScan(_three(attributes["scan_spacing_mm"], float), _three(attributes["scan_shape"], int), label)


def _digest(content: dict[str, Array]) -> str:
    total = hashlib.sha256()
    for name, array in sorted(content.items()):
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _place(dataset: h5py.Dataset) -> tuple[int, np.dtype[Any], tuple[int, ...]]:
    offset = dataset.id.get_offset()
    if offset is None:
        raise ValueError(f"{dataset.name} is not contiguous")
    return offset, dataset.dtype, dataset.shape


def _map(path: Path, places: dict[str, tuple[int, np.dtype[Any], tuple[int, ...]]]) -> dict[str, Array]:
    """Map the range that holds the asked data sets, once: every map costs a file descriptor."""
    ends = {name: offset + dtype.itemsize * int(np.prod(shape)) for name, (offset, dtype, shape) in places.items()}
    start = min(offset for offset, _, _ in places.values())
    if max(ends.values()) > path.stat().st_size:
        raise ValueError("the file is shorter than its header says")
    whole = np.memmap(path, dtype=np.uint8, mode="r", offset=start, shape=(max(ends.values()) - start,))
    return {
        name: whole[offset - start : ends[name] - start].view(dtype).reshape(shape)
        for name, (offset, dtype, shape) in places.items()
    }


def _three(values: Array, kind: type[_Number]) -> tuple[_Number, _Number, _Number]:
    x, y, z = (kind(value) for value in values)
    return x, y, z

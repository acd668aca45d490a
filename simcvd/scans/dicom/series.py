"""DICOM series as volumes: slices in the order of their positions, values in the scanner's unit, axes in RAS+ mm.

Neither names nor instance numbers nor the slice thickness say where a slice is; its position does. What does not make
one evenly spaced volume is refused.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcvd.errors import UserError
from simcvd.scans.dicom.file import Dataset, class_name, is_image, read_file, read_header, stored_values
from simcvd.scans.dicom.plane import HEADER_TAGS, Plane, planes_of
from simcvd.scans.reading import check_memory
from simcvd.scans.volume import Array, Spacing, Volume, spacing_of

UNEVEN = 0.1
"""How far a slice may be from its place in an even row, of the distance between slices."""

TILTED = 0.25
"""How far slices may be moved against each other, of a pixel."""

_SAME_MM = 1e-3  # headers round positions


@dataclass(frozen=True)
class Series:
    """A series that makes one volume, its pixels not read yet.

    Attributes:
        planes: in order along their normal.
        affine: `[4, 4]`, voxel index to RAS+ mm.
        modality: e.g. `CT`.
    """

    planes: tuple[Plane, ...]
    affine: Array
    modality: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along X (columns), Y (rows) and Z (slices)."""
        rows, columns = self.planes[0].shape
        return columns, rows, len(self.planes)

    @property
    def spacing_mm(self) -> Spacing:
        """Voxel size."""
        return spacing_of(self.affine)

    def voxels(self) -> Array:
        """Read the voxels `[X, Y, Z]`, rescaled: integers where that is exact, else single precision.

        Raises:
            UserError: a file whose pixels can't be read.
        """
        opened = (self.planes[0].path, _stored(self.planes[0]))
        small = opened[1].dtype.itemsize <= 2
        check_memory(self.planes[0].path.parent, self.shape)
        whole = small and all(_keeps_integers(plane.slope, plane.intercept) for plane in self.planes)
        out = np.empty((len(self.planes), *self.planes[0].shape), np.int32 if whole else np.float32)
        for index, plane in enumerate(self.planes):
            if opened[0] != plane.path:
                opened = (plane.path, _stored(plane))
            values = opened[1][plane.frame]
            if whole:
                out[index] = values.astype(np.int32) * np.int32(plane.slope) + np.int32(plane.intercept)
            else:
                out[index] = values * np.float64(plane.slope) + plane.intercept
        fits = whole and out.min() >= -(2**15) and out.max() < 2**15
        return (out.astype(np.int16) if fits else out).transpose(2, 1, 0)


def _stored(plane: Plane) -> Array:
    return stored_values(read_file(plane.path), plane.path)


def _keeps_integers(slope: float, intercept: float) -> bool:
    """Tell whether 16 bits stay whole and within 32."""
    return slope.is_integer() and intercept.is_integer() and abs(slope) < 2**14 and abs(intercept) < 2**29


def read_series(files: Iterable[Path], wanted: str | None = None) -> Volume:
    """Read the volume that a series makes.

    Args:
        files: of one series; other objects among them, such as reports, are left out.
        wanted: see `open_series`.

    Raises:
        UserError: what `open_series` raises, or pixels that can't be read.
    """
    series = open_series(files, wanted)
    return Volume(series.voxels(), series.affine, series.spacing_mm)


def open_series(files: Iterable[Path], wanted: str | None = None) -> Series:
    """Find the planes of a series and their order, without reading pixels.

    Args:
        files: of one series; other objects among them, such as reports, are left out.
        wanted: the series to take where there are several: its UID, its number or its description.

    Raises:
        UserError: not one series, or slices that do not make one evenly spaced volume.
    """
    headers = [(path, read_header(path, HEADER_TAGS)) for path in files]
    images = [(path, header) for path, header in headers if is_image(header.SOPClassUID)]
    if not images:
        found = Counter(class_name(header.SOPClassUID) for _, header in headers)
        told = ", ".join(f"{count} {name}" for name, count in found.items())
        raise UserError(f"There is no DICOM image, only {told or 'other files'}; expected the slices of a series.")
    images = _one_series(images, wanted)
    planes = [plane for path, header in images for plane in planes_of(path, header)]
    place = _place(planes)
    if len(planes) < 2:
        raise UserError(f"The series in {place} has one slice; expected at least two.")
    _refuse_mixed(planes, place)
    return Series(*_in_order(planes, place), str(images[0][1].get("Modality", "")))


def _one_series(images: list[tuple[Path, Dataset]], wanted: str | None) -> list[tuple[Path, Dataset]]:
    """Return the images of the only series, or of the one that is asked for."""
    found: dict[str, list[tuple[Path, Dataset]]] = {}
    for path, header in images:
        found.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((path, header))
    if wanted is not None:
        chosen = {uid: group for uid, group in found.items() if wanted in (uid, *_names(group[0][1]))}
    else:
        chosen = found
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    listed = "; ".join(
        f"number {number or '?'} '{description}' with {len(group)} files"
        for group in found.values()
        for number, description in [_names(group[0][1])]
    )
    place = _place_of(path for path, _ in images)
    if wanted is None:
        raise UserError(f"{place} holds {len(found)} series ({listed}); choose one by --series with its description.")
    raise UserError(f"{place} holds {len(chosen) or 'no'} series '{wanted}', expected one; there are: {listed}.")


def _names(header: Dataset) -> tuple[str, str]:
    number = header.get("SeriesNumber")
    return "" if number is None else str(number), str(header.get("SeriesDescription", "")).strip()


def _refuse_mixed(planes: Sequence[Plane], place: Path) -> None:
    sizes = Counter(f"{plane.shape[1]} x {plane.shape[0]}" for plane in planes)
    if len(sizes) > 1:
        raise UserError(f"The slices in {place} have different sizes: {_counted(sizes)} pixels; expected one size.")
    first = planes[0]
    turned = sum(not np.allclose([*p.rows, *p.columns], [*first.rows, *first.columns], atol=1e-3) for p in planes)
    if turned:
        raise UserError(
            f"The slices in {place} have different orientations: {turned} of {len(planes)} point elsewhere than the "
            "first, as in a localizer; expected parallel slices."
        )
    pixels = Counter(f"{plane.pixel_mm[1]:.4g} x {plane.pixel_mm[0]:.4g}" for plane in planes)
    if not all(np.allclose(plane.pixel_mm, first.pixel_mm, rtol=1e-3) for plane in planes):
        raise UserError(f"The slices in {place} have different pixels: {_counted(pixels)} mm; expected one size.")


def _in_order(planes: Sequence[Plane], place: Path) -> tuple[tuple[Plane, ...], Array]:
    """Return the planes by their position along the normal, and the volume's affine."""
    first = planes[0]
    normal = np.cross(first.rows, first.columns)
    positions = np.array([plane.position for plane in planes])
    order = np.argsort(positions @ normal, kind="stable")
    ordered, positions = tuple(planes[index] for index in order), positions[order]
    heights = positions @ normal
    _refuse_uneven(heights, place)
    step = (heights[-1] - heights[0]) / (len(planes) - 1)
    beside = positions - positions[0] - np.outer(heights - heights[0], normal)
    moved = np.linalg.norm(beside, axis=1).max()
    if moved > TILTED * min(first.pixel_mm):
        angle = np.degrees(np.arctan2(np.linalg.norm(beside[-1]), heights[-1] - heights[0]))
        raise UserError(
            f"The slices in {place} are moved against each other by up to {moved:.3g} mm ({angle:.2g} degrees of "
            "gantry tilt), expected them straight above each other; correct the tilt first, e.g. with dcm2niix."
        )
    affine = np.eye(4)
    affine[:3, 0] = np.multiply(first.rows, first.pixel_mm[1])
    affine[:3, 1] = np.multiply(first.columns, first.pixel_mm[0])
    affine[:3, 2] = normal * step
    affine[:3, 3] = positions[0]
    affine[:2] *= -1  # DICOM points left and posterior
    return ordered, affine


def _refuse_uneven(heights: Array, place: Path) -> None:
    steps = np.diff(heights)
    apart = steps[steps > _SAME_MM]
    step = float(np.median(apart)) if len(apart) else 0.0
    same = int((steps <= max(_SAME_MM, UNEVEN * step)).sum())
    if same:
        raise UserError(
            f"{same} of {len(heights)} slices in {place} lie{'' if same > 1 else 's'} where another one lies, as with "
            "copies, echoes or phases; expected one slice at each position."
        )
    if np.abs(heights - np.linspace(heights[0], heights[-1], len(heights))).max() <= UNEVEN * step:
        return
    least = float(steps.min())
    times = np.rint(steps / least)
    if np.abs(steps / least / times - 1).max() <= UNEVEN:
        at, lacking = int(np.flatnonzero(times > 1)[0]), int(times.sum()) - len(steps)
        raise UserError(
            f"{lacking} slice{'s are' if lacking > 1 else ' is'} missing in {place}, the first between "
            f"{heights[at]:.5g} and {heights[at + 1]:.5g} mm where slices are {least:.4g} mm apart; copy the whole "
            "series."
        )
    raise UserError(
        f"The slices in {place} are {least:.4g} to {steps.max():.4g} mm apart, expected even distances; resample the "
        "scan first, or choose another series."
    )


def _counted(sizes: Counter[str]) -> str:
    return ", ".join(f"{count} of {size}" for size, count in sizes.most_common(3))


def _place(planes: Sequence[Plane]) -> Path:
    return _place_of(plane.path for plane in planes)


def _place_of(paths: Iterable[Path]) -> Path:
    """Return the folder that holds them all, or the only file."""
    distinct = list(dict.fromkeys(paths))
    if len(distinct) == 1:
        return distinct[0]
    common = distinct[0].parent
    while not all(path.is_relative_to(common) for path in distinct):
        common = common.parent
    return common

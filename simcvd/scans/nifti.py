"""NIfTI-1 and NIfTI-2 in one file, packed or not: the header is judged before its voxels are read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.scans.reading import DENSEST, check_size, damage, gunzip, reading, refusal, times, volume_at
from simcvd.scans.volume import Array, Volume

_MM = {0: 1.0, 1: 1e3, 2: 1.0, 3: 1e-3}  # codes of the unit of length: none is taken as mm, then m, mm, micrometres
_FORM_CODES = range(6)
_NO_NUMBERS = {
    1: "single bits",
    32: "complex numbers",
    128: "colours (RGB)",
    1792: "complex numbers",
    2048: "complex numbers",
    2304: "colours (RGBA)",
}
_SIZE_TOLERANCE = 0.01  # of a voxel's side; headers are rounded to three digits by some programs
_LEAST_COSINE = 0.7  # between an axis as sform and as qform have it, 45 degrees
_MOST_BEHIND = 4096  # bytes that may follow the voxels, as padding
_HEADER = 540  # bytes of the longer header


def read_nifti(path: Path) -> Volume:
    """Read a NIfTI file; the fourth axis holds channels, or the fifth where the fourth has one point in time.

    The affine is the sform, else the qform, else made of the voxel size, as nibabel has it. Files in which these
    contradict one another are refused, since nobody can tell which of them is true.

    Raises:
        UserError: missing, truncated, damaged or foreign file, or one that holds no volume of numbers.
    """
    from nibabel.spatialimages import HeaderDataError
    from nibabel.volumeutils import apply_read_scaling

    # numbers that are none, or too large, are told by name where they matter, and not by numpy's warnings
    with reading(path, "a NIfTI image", HeaderDataError), np.errstate(all="ignore"):
        start, rest = _start(path)
        header = _header(path, start)
        sides, dtype, offset = _sides(path, header), _dtype(path, header), _offset(path, header)
        check_size(path, sides, dtype.itemsize)
        affine, (slope, inter) = _affine(path, header), _scaling(path, header)
        end = offset + dtype.itemsize * int(np.prod(sides, dtype=np.int64))
        array: Array
        if rest is None:
            _check_end(path, path.stat().st_size, end)
            array = np.memmap(path, dtype, "c", offset, sides, "F")
        else:
            content = bytearray(end)
            _check_end(path, _fill(content, start, rest), end)
            array = np.ndarray(sides, dtype, content, offset, order="F")
        array = apply_read_scaling(array, np.float64(slope), np.float64(inter))
    return volume_at(path, np.moveaxis(array, -1, 0) if array.ndim == 4 else array, affine)


def _start(path: Path) -> tuple[bytes, Iterator[bytes] | None]:
    """Return what begins with the header, and of a packed file what follows."""
    packed = path.name.lower().endswith(".gz")
    with path.open("rb") as file:
        start = file.read(_HEADER)
    if (start[:2] == b"\x1f\x8b") != packed:
        if not packed:
            raise refusal(path, "its name ends in .nii, but it is compressed", "rename it to .nii.gz")
        if _magic(start):
            raise refusal(path, "its name ends in .gz, but it is not compressed", "rename it to .nii")
        raise ValueError("it is not compressed by gzip")
    if not packed:
        return start, None
    pieces, start = gunzip(path), b""
    while len(start) < _HEADER and (piece := next(pieces, None)) is not None:
        start += piece
    return start, pieces


def _fill(content: bytearray, start: bytes, pieces: Iterator[bytes]) -> int:
    """Put the pieces one after the other and return how many bytes there are, wanted or not."""
    at = 0
    with memoryview(content) as room:
        piece: bytes | None = start
        while piece is not None:
            if at < len(content):
                taken = min(len(piece), len(content) - at)
                room[at : at + taken] = piece[:taken]
            at += len(piece)
            piece = next(pieces, None)
    return at


def _check_end(path: Path, held: int, end: int) -> None:
    if held < end:
        raise EOFError(f"its header says {end} bytes and it has {held}")
    if held > end + _MOST_BEHIND:
        raise damage(path, f"its header says {end} bytes, but it has {held}")


def _magic(start: bytes) -> bytes:
    """Return what marks a NIfTI file, nothing for another file."""
    marks = (start[344:348], start[4:8])
    return next((mark for mark in marks if mark in (b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0")), b"")


def _header(path: Path, start: bytes) -> Any:
    import nibabel

    kinds: dict[int, Any] = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}
    for order in "<>":
        length = int(np.frombuffer(start[:4].ljust(4, b"\0"), f"{order}i4")[0])
        if length in kinds and len(start) >= length:
            if _magic(start)[:2] == b"ni":
                raise refusal(path, "its voxels are in another file (.img)", "store it as one .nii file")
            if not _magic(start):
                raise damage(path, "its header does not say 'n+1', as those of NIfTI do")
            return kinds[length](start[:length], order, check=False)
    raise ValueError("it does not begin as NIfTI files do")


def _sides(path: Path, header: Any) -> tuple[int, ...]:
    """Return the voxels along X, Y, Z and, where there are any, channels."""
    count = int(header["dim"][0])
    if not 1 <= count <= 7:
        raise damage(path, f"its header says {count} axes, expected 1 to 7")
    sides = tuple(int(side) for side in header["dim"][1 : count + 1])
    if min(sides) < 1:
        raise damage(path, f"its header says {times(sides)} voxels, expected at least one along each axis")
    while len(sides) > 3 and sides[-1] == 1:
        sides = sides[:-1]
    if len(sides) == 5 and sides[3] == 1:  # vectors, the standard's own place for channels
        sides = (*sides[:3], sides[4])
    if len(sides) < 3:
        raise refusal(path, f"it is flat, {times(sides)} voxels, expected three axes", "give the volume that it is of")
    if len(sides) > 4:
        expected = "expected three, or four with channels"
        raise refusal(path, f"it has {len(sides)} axes, {times(sides)}, {expected}", "store one point in time")
    return sides


def _dtype(path: Path, header: Any) -> np.dtype[Any]:
    code = int(header["datatype"])
    if code in _NO_NUMBERS:
        raise refusal(path, f"its voxels are {_NO_NUMBERS[code]}, expected one number each", "store each as a number")
    known: Any = type(header)._data_type_codes
    if code not in known.dtype or known.dtype[code].kind not in "iuf":
        raise damage(path, f"its voxels are of type {code}, which NIfTI does not have")
    dtype: np.dtype[Any] = header.get_data_dtype()
    return dtype


def _offset(path: Path, header: Any) -> int:
    stored, least = float(header["vox_offset"]), int(header.single_vox_offset)
    if stored == 0:
        return least
    if not least <= stored <= max(path.stat().st_size * DENSEST, least):
        raise damage(path, f"its header says that voxels begin at byte {stored:.0f}, expected {least} or later")
    return int(stored)


def _scaling(path: Path, header: Any) -> tuple[float, float]:
    """Return slope and intercept; a slope of 0 means none, and so does NaN in both, which nibabel writes."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or (np.isnan(slope) and (np.isnan(inter) or inter == 0)):
        return 1.0, 0.0
    if not np.isfinite([slope, inter]).all():
        raise damage(path, f"its intensities are scaled by {slope:g} and moved by {inter:g}, expected finite numbers")
    return slope, inter


def _affine(path: Path, header: Any) -> Array:
    """Return the affine in mm."""
    code = int(header["xyzt_units"]) % 8
    if code not in _MM:
        raise refusal(path, f"its unit of length has code {code}, expected 1 (m), 2 (mm) or 3 (um)", "correct it")
    s_code, q_code = int(header["sform_code"]), int(header["qform_code"])
    for name, form in (("sform", s_code), ("qform", q_code)):
        if form not in _FORM_CODES:
            raise damage(path, f"its {name} has code {form}, expected 0 to {_FORM_CODES[-1]}")
    sizes = np.array(header["pixdim"][1:4], np.float64) * _MM[code]
    if s_code:
        affine = np.array(header.get_sform(), np.float64)
        affine[:3] *= _MM[code]
        _check_sform(path, header, affine, sizes)
        return affine
    if not (np.isfinite(sizes).all() and sizes.min() > 0):
        raise refusal(
            path, f"its header gives a voxel size (pixdim) of {times(sizes.tolist())} mm", "write the true size into it"
        )
    affine = np.array(_qform(path, header) if q_code else header.get_base_affine(), np.float64)
    affine[:3] *= _MM[code]
    return affine


def _check_sform(path: Path, header: Any, sform: Array, sizes: Array) -> None:
    """Refuse an sform that holds no numbers, or against which voxel size or qform speak."""
    if not np.isfinite(sform).all():
        raise damage(path, "its sform holds NaN or infinite numbers")
    sides = np.linalg.norm(sform[:3, :3], axis=0)
    stated = np.isfinite(sizes) & (sizes != 0)  # others say nothing
    if (np.abs(sides - np.abs(sizes)) > _SIZE_TOLERANCE * np.maximum(sides, np.abs(sizes)))[stated].any():
        contradiction = f"its sform says voxels of {times(sides.tolist())} mm, its pixdim {times(sizes.tolist())} mm"
        raise refusal(path, contradiction, "find out which is true and write it into both")
    if int(header["qform_code"]) == 0 or not stated.all() or sizes.min() < 0:
        return
    qform = _qform(path, header)[:3, :3]
    cosines = (sform[:3, :3] * qform).sum(axis=0) / np.maximum(sides * np.linalg.norm(qform, axis=0), 1e-30)
    if cosines.min() < _LEAST_COSINE:
        raise refusal(
            path,
            f"its sform says that the axes point to {_codes(sform)}, its qform {_codes(qform)}",
            "find out which is true and write it into both",
        )


def _qform(path: Path, header: Any) -> Array:
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # as the standard reads it
    fields = [header[f"q{name}"] for name in ("uatern_b", "uatern_c", "uatern_d", "offset_x", "offset_y", "offset_z")]
    if not np.isfinite(fields).all() or header["pixdim"][0] not in (-1, 1):
        raise damage(path, "its qform holds no numbers that make a rotation")
    try:
        affine: Array = header.get_qform()
    except ValueError as error:
        raise damage(path, "its qform is no rotation") from error
    return affine


def _codes(directions: Array) -> str:
    from simcvd.scans.orientation import axis_codes

    affine = np.eye(4)
    affine[:3, :3] = directions[:3, :3]
    return axis_codes(affine)

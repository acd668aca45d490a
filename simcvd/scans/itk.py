"""NRRD and MetaImage, through SimpleITK."""

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.scans.itk_header import MOST_BYTES, Fields, data_file, metaimage_fields, nrrd_fields
from simcvd.scans.reading import check_size, damage, reading, refusal, times, volume_at
from simcvd.scans.volume import Array, Volume

_NRRD = "an NRRD volume", "NrrdImageIO"
_METAIMAGE = "a MetaImage volume", "MetaImageIO"


def read_nrrd(path: Path) -> Volume:
    """Read an NRRD file, `.nrrd` or `.nhdr` beside its data; an axis that is none of space holds channels.

    Raises:
        UserError: missing, truncated, damaged or foreign file, or one that holds no volume of numbers.
    """
    return _read(path, *_NRRD)


def read_metaimage(path: Path) -> Volume:
    """Read a MetaImage file, `.mha` or `.mhd` beside its data; several numbers a voxel are channels.

    Raises:
        UserError: missing, truncated, damaged or foreign file, or one that holds no volume of numbers.
    """
    return _read(path, *_METAIMAGE)


def itk_affine(image: Any) -> Array:
    """Return the affine `[4, 4]`, voxel index to RAS+ mm, of a SimpleITK image or reader on three axes or more."""
    axes = image.GetDimension()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (axes, axes))[:3, :3] * np.asarray(image.GetSpacing())[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    affine[:2] *= -1  # ITK points left and posterior, NIfTI right and anterior
    return affine


def lay_over(image: Any, source: Path) -> None:
    """Give a SimpleITK image on three axes the origin, directions and spacing of a file.

    Raises:
        UserError: missing, truncated or foreign file.
    """
    kind, imageio = _METAIMAGE if source.suffix.lower() in (".mha", ".mhd") else _NRRD
    with reading(source, kind):
        reader = _information(source, imageio)
        axes = reader.GetDimension()
        image.SetOrigin(reader.GetOrigin()[:3])
        image.SetSpacing(reader.GetSpacing()[:3])
        image.SetDirection(np.reshape(reader.GetDirection(), (axes, axes))[:3, :3].reshape(-1).tolist())


def _information(path: Path, imageio: str) -> Any:
    import SimpleITK as sitk  # noqa: N813  the name its own manual uses

    library: Any = sitk  # without types
    reader = library.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(imageio)
    reader.ReadImageInformation()
    return reader


def _read(path: Path, kind: str, imageio: str) -> Volume:
    import SimpleITK as sitk  # noqa: N813  the name its own manual uses

    with reading(path, kind):
        if imageio == "MetaImageIO":
            fields = metaimage_fields(path)
            holder = data_file(path, fields["elementdatafile"])
            _check_metaimage(fields, holder.stat().st_size)
        else:
            fields = nrrd_fields(path)
            holder = data_file(path, fields.get("datafile"))
        reader = _information(path, imageio)
        sides, components = tuple(int(side) for side in reader.GetSize()), reader.GetNumberOfComponents()
        _check_kind(path, sides, components, fields)
        itemsize = _itemsize(reader)
        check_size(path, (*sides, components), itemsize, holder=holder, held=_held(holder, fields, itemsize))
        image: Any = reader.Execute()
        if imageio == "MetaImageIO" and _true(fields, "compresseddata"):
            _check_sum(path, holder, fields, sitk.GetArrayViewFromImage(image))
        array = sitk.GetArrayFromImage(image)
    if array.dtype.kind not in "iuf":
        raise refusal(path, f"its voxels are {array.dtype}, expected one number each", "store each as a number")
    if components > 1:
        array = np.moveaxis(array, -1, 0)
    else:
        array = array.reshape(*(sides[axis] for axis in reversed(range(len(sides))) if axis < 3 or sides[axis] > 1))
    return volume_at(path, np.swapaxes(array, -1, -3), itk_affine(image))


def _itemsize(reader: Any) -> int:
    """Return the bytes of one number, of SimpleITK's words for a kind of voxels, such as `vector of 16-bit integer`."""
    import SimpleITK as sitk  # noqa: N813  the name its own manual uses

    library: Any = sitk  # without types
    bits = re.search(r"(\d+)-bit", library.GetPixelIDValueAsString(reader.GetPixelID()))
    return int(bits[1]) // 8 if bits else 1


def _held(holder: Path, fields: Fields, itemsize: int) -> int | None:
    """Return how many bytes of voxels a file can hold at most; none where they are compressed."""
    size = holder.stat().st_size
    as_text = size * itemsize  # a digit a number, or more
    if "elementdatafile" not in fields:
        encoding = fields.get("encoding", "").lower()
        return {"raw": size, **dict.fromkeys(("txt", "text", "ascii", "hex"), as_text)}.get(encoding)
    if _true(fields, "compresseddata"):
        return None
    return size if _true(fields, "binarydata") else as_text


def _true(fields: Fields, name: str) -> bool:
    """Tell whether a field of MetaImage says yes, as its reader understands it."""
    return fields.get(name, "")[:1] in ("T", "t", "1")


def _check_metaimage(fields: Fields, most: int) -> None:
    """Refuse headers on whose numbers SimpleITK's reader crashes, or takes more memory than `most`, the bytes there."""
    axes, sides = fields.get("ndims", "no"), fields.get("dimsize", "").split()
    if axes not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"its header says {axes} axes (NDims)")
    if len(sides) != int(axes) or not all(side.isascii() and side.isdigit() and int(side) < 2**31 for side in sides):
        raise ValueError(f"its header says '{' '.join(sides)}' voxels (DimSize) on {axes} axes")
    channels = fields.get("elementnumberofchannels", "1")
    if not (channels.isascii() and channels.isdigit() and 1 <= int(channels) < 2**16):
        raise ValueError(f"its header says {channels} channels (ElementNumberOfChannels)")
    packed = fields.get("compresseddatasize", "0")
    if not (packed.isascii() and packed.isdigit() and int(packed) <= most):
        raise ValueError(f"its header says {packed} bytes of compressed voxels (CompressedDataSize), but has {most}")


def _check_kind(path: Path, sides: tuple[int, ...], components: int, fields: Fields) -> None:
    if 0 in sides:
        raise damage(path, f"its header says {times(sides)} voxels, expected at least one along each axis")
    if len(sides) < 3:
        raise refusal(path, f"it is flat, {times(sides)} voxels, expected three axes", "give the volume that it is of")
    if len(sides) > 4 or (len(sides) == 4 and components > 1):
        expected = "expected three, or four with channels"
        raise refusal(path, f"it has more axes, {times(sides)}, {expected}", "store one point in time")
    if "rgb" in fields.get("kinds", "").lower():
        raise refusal(path, "its voxels are colours (RGB), expected one number each", "store each as a number")
    if not _says_size(fields):
        raise refusal(path, "its header says no voxel size", "write the true size in mm into it")


def _says_size(fields: Fields) -> bool:
    """Tell whether a header has a voxel size, for which SimpleITK takes 1 mm otherwise."""
    if "spacedirections" in fields:
        return fields["spacedirections"].count("(") >= 3
    named = next((fields[name] for name in ("spacings", "elementspacing", "elementsize") if name in fields), "")
    return sum(re.fullmatch(r"[+\-.\d]+(e[+\-]?\d+)?", word.lower()) is not None for word in named.split()) >= 3


def _check_sum(path: Path, holder: Path, fields: Fields, voxels: Array) -> None:
    """Compare the checksum of packed MetaImage voxels, which its reader passes over."""
    with holder.open("rb") as file:
        if holder == path:
            named = re.search(rb"ElementDataFile[^\n]*\n", file.read(MOST_BYTES))
            file.seek(named.end() if named else 0)
        start, end = file.tell(), holder.stat().st_size
        size = fields.get("compresseddatasize", "")
        end = min(start + int(size), end) if size.isdigit() and int(size) else end
        file.seek(end - 4)
        checksum = file.read(4)
        if zlib.adler32(voxels.reshape(-1).view(np.uint8).data) == int.from_bytes(checksum, "big"):
            return
        file.seek(start)
        content = file.read(end - start)
    try:
        whole = len(zlib.decompress(content, 47)) == voxels.nbytes  # another byte order, or bytes behind the end
    except zlib.error:
        whole = False
    if not whole:
        raise damage(path, "its content does not fit its checksum")

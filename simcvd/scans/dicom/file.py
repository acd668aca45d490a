"""One DICOM file: what it is, its header, and its stored pixel values."""

import math
import struct
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.errors import UserError
from simcvd.scans.reading import check_memory, damage, reading, refusal
from simcvd.scans.volume import Array

Dataset = Any  # pydicom.Dataset, which is imported where it is needed alone

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"

_DIRECTORY = "1.2.840.10008.1.3.10"
_STARTS = (b"\x02\x00", b"\x08\x00")  # the first group of files without a preamble
_PIXEL_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "NumberOfFrames", "PixelData",
)  # fmt: skip


def readable(path: Path) -> AbstractContextManager[None]:
    """Turn whatever pydicom throws at a file, or at a value in it, into one sentence."""
    from pydicom.errors import BytesLengthException

    return reading(path, "a DICOM file", AttributeError, BytesLengthException, struct.error)


def class_of(path: Path) -> str | None:
    """Return the UID that says what kind of object a file holds, none if it is no DICOM file or a directory of such.

    Raises:
        UserError: a file that can't be read.
    """
    with readable(path), path.open("rb") as file:
        head = file.read(1024)
    at = head.find(b"\x02\x00\x02\x00UI") if head[128:132] == b"DICM" else -1
    if at >= 0:
        length = int.from_bytes(head[at + 6 : at + 8], "little")
        uid = head[at + 8 : at + 8 + length].rstrip(b"\0 ").decode("ascii", "replace")
    elif head[128:132] == b"DICM" or head[:2] in _STARTS:
        uid = str(read_header(path).get("SOPClassUID", ""))
    else:
        return None
    return None if uid in ("", _DIRECTORY) else uid


def class_name(uid: str) -> str:
    """Return what people call a kind of object, e.g. `CT Image Storage`."""
    from pydicom.uid import UID

    return str(UID(uid).name)


def is_image(uid: str) -> bool:
    """Tell whether a kind of object is a picture with places for its pixels, unlike reports, plans, doses and masks."""
    from pydicom.uid import UID

    name = str(UID(uid).name)
    return name == uid or name.endswith("Image Storage")  # a private kind has no name and may be one


def read_header(path: Path, tags: Sequence[str] | None = None) -> Dataset:
    """Read a file without its pixels.

    Args:
        path: the file.
        tags: keywords to read; none reads all.

    Raises:
        UserError: missing, truncated or foreign file.
    """
    return _read(path, stop_before_pixels=True, specific_tags=None if tags is None else ["SOPClassUID", *tags])


def read_file(path: Path) -> Dataset:
    """Read a whole file.

    Raises:
        UserError: missing, truncated or foreign file.
    """
    return _read(path)


def stored_values(dataset: Dataset, path: Path) -> Array:
    """Return the pixel values as they are stored, before any rescaling: `[frames, rows, columns]`.

    pydicom leaves the compressed forms of CT and MR to plugins, some of them under the GPL; GDCM inside SimpleITK reads
    them all.

    Raises:
        UserError: fewer bytes than pixels, or a compressed form that GDCM does not know.
    """
    if "PixelData" not in dataset:
        raise damage(path, "it has no pixels")
    with readable(path):
        shape = (int(dataset.get("NumberOfFrames", None) or 1), int(dataset.Rows), int(dataset.Columns))
        check_memory(path, shape)
        if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            return _decompressed(dataset, path).reshape(shape)
        return _plain(dataset, path, shape)


def _plain(dataset: Dataset, path: Path, shape: tuple[int, ...]) -> Array:
    stored, allocated = int(dataset.BitsStored), int(dataset.BitsAllocated)
    if allocated not in (8, 16, 32):
        raise refusal(path, f"it stores {allocated} bits a pixel", "expected 8, 16 or 32")
    kind = np.dtype(f"{'i' if dataset.PixelRepresentation else 'u'}{allocated // 8}")
    kind = kind.newbyteorder("<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">")
    data, count = dataset.PixelData, math.prod(shape)
    if len(data) < count * kind.itemsize:
        raise damage(path, f"it holds {len(data)} bytes of pixels, expected {count * kind.itemsize}")
    values = np.frombuffer(data, kind, count).reshape(shape).astype(kind.newbyteorder("="))
    unused = allocated - stored
    if unused and int(dataset.HighBit) == stored - 1:
        values = (values << unused) >> unused  # old files keep overlays in the bits above, and signs end below them
    return values


def _decompressed(dataset: Dataset, path: Path) -> Array:
    """Decode through a file that holds the pixels and nothing that GDCM would apply to them."""
    import pydicom
    import SimpleITK as sitk  # noqa: N813  the name its own manual uses
    from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage, SecondaryCaptureImageStorage

    bare = pydicom.Dataset()
    for tag in _PIXEL_TAGS:
        if tag in dataset:
            bare[tag] = dataset[tag]
    bare.SOPClassUID = SecondaryCaptureImageStorage
    if "NumberOfFrames" in dataset:
        bare.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    bare.SOPInstanceUID = dataset.get("SOPInstanceUID", "1.2")
    bare.file_meta = pydicom.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        bare.save_as(file.name, enforce_file_format=True)
        try:
            return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(file.name, imageIO="GDCMImageIO")))
        except RuntimeError as error:
            raise refusal(
                path,
                f"it is compressed as {dataset.file_meta.TransferSyntaxUID.name} and can't be decoded",
                "copy it anew if it is damaged, else decompress it, e.g. with `gdcmconv --raw`",
            ) from error


def _read(path: Path, **how: Any) -> Dataset:
    import pydicom

    with readable(path):
        with path.open("rb") as file:
            head = file.read(132)
        if head[128:] != b"DICM" and head[:2] not in _STARTS:
            raise UserError(f"{path} is not a DICOM file.")
        # Values that are longer than the standard allows do no harm here.
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        dataset: Dataset = pydicom.dcmread(path, force=True, **how)
        for _ in dataset.iterall() if how.get("specific_tags") else ():
            pass  # pydicom looks at a value when it is asked for; this asks for all here
        if not isinstance(dataset.get("SOPClassUID"), str):
            raise UserError(f"{path} is truncated or not a DICOM file: it does not say what it holds.")
        if "TransferSyntaxUID" not in dataset.file_meta:
            implicit, little = dataset.original_encoding
            dataset.file_meta.TransferSyntaxUID = _syntax(bool(little), bool(implicit))
    return dataset


def _syntax(little: bool, implicit: bool) -> Any:
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian

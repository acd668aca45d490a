"""DICOM files of a few pixels, written by pydicom."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, SegmentationStorage, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SERIES = "1.2.3.4"
Array = np.ndarray[Any, Any]


def dataset(sop_class: str = CTImageStorage, syntax: UID = ExplicitVRLittleEndian, **values: Any) -> pydicom.Dataset:
    made = pydicom.Dataset()
    made.SOPClassUID = sop_class
    made.SOPInstanceUID = generate_uid()
    made.Modality = "CT"
    made.SeriesInstanceUID = SERIES
    made.SeriesNumber = 3
    made.SeriesDescription = "portal venous"
    for name, value in values.items():
        setattr(made, name, value)
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def pixels(made: pydicom.Dataset, values: Array) -> None:
    """Store integers `[rows, columns]` or `[frames, rows, columns]`."""
    made.Rows, made.Columns = values.shape[-2:]
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8 * values.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    if values.ndim == 3:
        made.NumberOfFrames = len(values)
    made.PixelData = values.tobytes()


def save(made: pydicom.Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


def slices(
    stored: Array,
    origin: Sequence[float] = (-10.0, -20.0, 30.0),
    step: Sequence[float] = (0.0, 0.0, 2.5),
    axes: Sequence[float] = AXIAL,
    **values: Any,
) -> list[pydicom.Dataset]:
    """Return a file a slice of `[X, Y, Z]`; rows are 0.5 mm apart and columns 0.75 mm."""
    made = []
    for index in range(stored.shape[2]):
        place = [start + index * along for start, along in zip(origin, step, strict=True)]
        one = dataset(
            **{
                "ImagePositionPatient": place,
                "ImageOrientationPatient": list(axes),
                "PixelSpacing": [0.5, 0.75],
                "InstanceNumber": index + 1,
            }
            | values
        )
        pixels(one, np.ascontiguousarray(stored[:, :, index].T))
        made.append(one)
    return made


def write(folder: Path, series: Sequence[pydicom.Dataset], names: Sequence[str] | None = None) -> list[Path]:
    names = names or [f"{index:03d}.dcm" for index in range(len(series))]
    return [save(one, folder / name) for one, name in zip(series, names, strict=True)]


def stored(shape: tuple[int, int, int] = (6, 5, 7), seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-1000, 1500, shape).astype(np.int16)


def affine() -> Array:
    """Return where `slices` of no other arguments lie, in RAS+ mm."""
    return np.array([[-0.75, 0, 0, 10], [0, -0.5, 0, 20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def sequence(**values: Any) -> pydicom.Sequence:
    item = pydicom.Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return pydicom.Sequence([item])


def segmentation(masks: dict[str, Array], reference: Sequence[pydicom.Dataset], **values: Any) -> pydicom.Dataset:
    """Return a DICOM-SEG of masks `[X, Y, Z]` on slices in order; empty frames are not stored."""
    made = dataset(SegmentationStorage, Modality="SEG", SeriesInstanceUID="1.2.3.5", SegmentationType="BINARY")
    first = reference[0]
    made.SharedFunctionalGroupsSequence = sequence(
        PlaneOrientationSequence=sequence(ImageOrientationPatient=first.ImageOrientationPatient),
        PixelMeasuresSequence=sequence(PixelSpacing=first.PixelSpacing),
    )
    made.SegmentSequence = pydicom.Sequence()
    made.PerFrameFunctionalGroupsSequence = pydicom.Sequence()
    frames = []
    for number, (name, mask) in enumerate(masks.items(), start=1):
        made.SegmentSequence.extend(sequence(SegmentNumber=number, SegmentLabel=name))
        for index, at in enumerate(reference):
            if mask[:, :, index].any():
                frames.append(mask[:, :, index].T)
                made.PerFrameFunctionalGroupsSequence.extend(
                    sequence(
                        PlanePositionSequence=sequence(ImagePositionPatient=at.ImagePositionPatient),
                        SegmentIdentificationSequence=sequence(ReferencedSegmentNumber=number),
                    )
                )
    made.Rows, made.Columns = frames[0].shape
    made.NumberOfFrames = len(frames)
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 1, 1, 0, 0
    packed = np.packbits(np.stack(frames).astype(bool).reshape(-1), bitorder="little").tobytes()
    made.PixelData = packed + b"\0" * (len(packed) % 2)
    for name, value in values.items():
        setattr(made, name, value)
    return made

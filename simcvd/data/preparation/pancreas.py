"""Pancreas-CT (NIH): the scans as TCIA hands them out, prepared as the semi-supervised literature has them.

    SOURCE/.../PANCREAS_0001/<study>/<series>/*.dcm
    SOURCE/.../label0001.nii.gz                      from TCIA_pancreas_labels-02-05-2017

Window [-125, 275] HU, 1 mm voxels, the box around the pancreas widened by 25 voxels on every side, of test scans too
(as the semi-supervised literature has it since DTC), then mean 0 and deviation 1 over the box. The headers of the
labels do not say how their axes run: by the collection's convention they are mirrored along Y, and each label is
checked for that against its scan (`label_flip`).

The collection had 82 scans, of which the field tests on 20. Since 2020 it has 80: 0025 and 0070 are cuts of the scan
0002. Where they are there, they are never test cases.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.preparation.dicom import files_below
from simcvd.data.preparation.label_flip import Flip, Mirrored, find_flip
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.prepare import PrepareReport, prepare
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.data.preparation.splits import SplitLists, some
from simcvd.data.store import Splits
from simcvd.errors import UserError
from simcvd.scans.dicom.file import class_of, is_image
from simcvd.scans.dicom.series import open_series, read_series
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.nifti import read_nifti
from simcvd.scans.normalisation import Channel, Normalisation
from simcvd.scans.preprocessing import Preprocessing
from simcvd.scans.volume import Volume

Array = np.ndarray[Any, Any]

SCANS = 82
WITHDRAWN = ("0025", "0070")
LABELED = 12
TESTS = 20
EXPECTED_FLIP: Mirrored = (False, True, False)
PREPROCESSING = Preprocessing(
    orientation="RAS",
    spacing_mm=(1.0, 1.0, 1.0),
    crop=LabelCrop(margin_vox=(25, 25, 25)),
    normalisation=Normalisation(kind="window", channels=(Channel(lower=-125.0, upper=275.0),)),
)

_SCAN = re.compile(r"PANCREAS_(\d{4})")
_LABEL = re.compile(r"label(\d{4})\.nii(\.gz)?")


def prepare_pancreas(source: Path, target: Path, options: PrepareOptions) -> PrepareReport:
    """Prepare the unpacked downloads: a folder with the scans and the labels anywhere below it.

    Of the whole collection the last 20 cases are the test and the first 12 are labelled; of a part of it, as large a
    share.

    Raises:
        UserError: no case there, or what `prepare` raises.
    """
    labels = _Labels()
    found = find_cases(Path(source), labels.read)
    if options.labeled is None and options.split_file is None:
        options = replace(options, labeled=max(1, _share(LABELED, len(found.cases))))
    report = prepare(found, Path(target), options)
    return replace(report, notes=(*report.notes, *labels.notes()))


class _Labels:
    """Reads labels as they lie on their scans, and remembers how each had to be mirrored."""

    def __init__(self) -> None:
        self._flips: dict[str, Flip] = {}

    def read(self, case: SourceCase) -> Volume:
        assert case.label is not None
        label = read_nifti(case.label)
        series = open_series(case.images)
        if label.array.shape != series.shape:
            found, expected = (" x ".join(map(str, shape)) for shape in (label.array.shape, series.shape))
            raise UserError(f"the label has shape {found}, expected the image's {expected}")
        if case.id not in self._flips:
            self._flips[case.id] = find_flip(series.voxels(), label.array, EXPECTED_FLIP)
        return Volume(self._flips[case.id].apply(label.array), series.affine, series.spacing_mm)

    def notes(self) -> tuple[str, ...]:
        counts = Counter(_axes(flip.mirrored) for flip in self._flips.values())
        unclear = sorted(case_id for case_id, flip in self._flips.items() if not flip.clear)
        told = []
        if counts:
            (axes, count), *others = counts.most_common()
            rest = "".join(f", that of {number} along {name}" for name, number in others)
            told.append(f"The label of {count} scans was mirrored along {axes} to lie on the organ{rest}.")
        if unclear:
            told.append(
                f"How the label lies is not clear from the scan for {some(unclear)}; look at it with "
                "simcvd inspect --html."
            )
        return tuple(told)


def _axes(mirrored: Mirrored) -> str:
    return " and ".join(name for name, turned in zip("XYZ", mirrored, strict=True) if turned) or "no axis"


def find_cases(folder: Path, read_label: Callable[[SourceCase], Volume]) -> ScanFolder:
    """Find the scans, their labels, and which are the test.

    Args:
        folder: of the unpacked downloads.
        read_label: reads a label as it lies on its scan.

    Raises:
        UserError: no scans or no labels, or two of one number.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; expected one with PANCREAS_0001 and label0001.nii.gz below it.")
    scans, masks = _below(folder)
    if not scans:
        raise UserError(f"{folder} has no folder PANCREAS_0001, PANCREAS_0002, ...; expected the scans of Pancreas-CT.")
    if not masks:
        raise UserError(
            f"{folder} has no label0001.nii.gz, label0002.nii.gz, ...; unpack TCIA_pancreas_labels-02-05-2017.zip into "
            "it."
        )
    cases: dict[str, SourceCase] = {}
    problems: dict[str, str] = {}
    for number, path in sorted(scans.items()):
        try:
            cases[number] = _case(path, number, masks)
        except UserError as error:
            problems[path.name] = str(error).rstrip(".")
    doubled = [number for number in cases if number in WITHDRAWN]
    others = [number for number in cases if number not in WITHDRAWN]
    kept = len(others) - _share(TESTS, len(cases))
    order = [cases[number] for number in (*others[:kept], *doubled, *others[kept:])]
    tests = tuple(case.id for case in order[len(order) - len(others) + kept :])
    train = tuple(case.id for case in order if case.id not in tests)
    return ScanFolder(
        kind="pancreas",
        folder=folder,
        cases=tuple(order),
        read_image=lambda case: read_series(case.images),
        read_label=read_label,
        classes=("pancreas",),
        channels=("CT",),
        lists=SplitLists(Splits(test=tests), train, frozenset({"test"})) if tests else None,
        problems=problems,
        notes=_notes(set(scans), set(masks)),
        preset="pancreas",
        preprocessing=PREPROCESSING,
        modality=("CT",),
    )


def _share(count: int, cases: int) -> int:
    """Return how many of the cases are meant where the whole collection has `count`."""
    return count if cases >= SCANS - len(WITHDRAWN) else round(count * cases / SCANS)


def _below(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the folders of scans and the label files by number; what lies inside a scan's folder is not looked at."""
    scans: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    for place in (folder, *folder.glob("*"), *folder.glob("*/*"), *folder.glob("*/*/*")):
        match = _SCAN.fullmatch(place.name)
        if match and place.is_dir():
            known = scans.setdefault(match[1], place)
            if known != place:
                raise UserError(f"Two folders hold the scan {place.name}, {known} and {place}; keep one.")
        match = _LABEL.fullmatch(place.name)
        if match and place.is_file():
            known = masks.setdefault(match[1], place)
            if known != place:
                raise UserError(f"There are two labels of number {match[1]}, {known} and {place}; keep one.")
    return scans, masks


def _case(folder: Path, number: str, masks: dict[str, Path]) -> SourceCase:
    images = [path for path in files_below(folder) if is_image(class_of(path) or "")]
    if not images:
        raise UserError(f"{folder} has no DICOM image, expected a series")
    if number not in masks:
        raise UserError(f"it has no label, expected label{number}.nii.gz")
    return SourceCase(folder.name, tuple(images), masks[number])


def _notes(scans: set[str], masks: set[str]) -> tuple[str, ...]:
    notes = []
    missing = [f"{number:04d}" for number in range(1, SCANS + 1) if f"{number:04d}" not in scans | set(WITHDRAWN)]
    if missing:
        notes.append(f"{len(missing)} of the collection's {SCANS - len(WITHDRAWN)} scans are missing: {some(missing)}.")
    doubled = sorted(scans & set(WITHDRAWN))
    if doubled:
        notes.append(f"{' and '.join(doubled)} show the scan 0002 again and were withdrawn; they are in no test.")
    else:
        notes.append("0025 and 0070 are not there, as they were withdrawn; published numbers may include them.")
    unused = sorted(masks - scans - set(WITHDRAWN))
    if unused and not missing:
        notes.append(f"{len(unused)} labels have no scan: {some(unused)}.")
    return tuple(notes)

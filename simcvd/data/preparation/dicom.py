"""DICOM: a folder a case.

    SOURCE/CASE/...              the files of one series, of any name, with or without ending, in any subfolders
    SOURCE/CASE/...              its label: one NIfTI, NRRD or MetaImage file, or one DICOM segmentation, anywhere there
    SOURCE/labels/CASE.nii.gz    or here, under the case's name; a segmentation as labels/CASE.dcm or in labels/CASE/

`SOURCE/images/CASE/` may stand for `SOURCE/CASE/`. Cases without a label are unlabelled training cases. Reports, plans,
contours and doses are left out. Segments go by their names, whatever their numbers in a file are.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.prepare import PrepareReport, prepare
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.data.preparation.splits import shares
from simcvd.errors import UserError
from simcvd.scans.dicom.file import SEGMENTATION, class_name, class_of, is_image, read_header
from simcvd.scans.dicom.segmentation import read_segmentation, segment_names
from simcvd.scans.dicom.series import open_series, read_series
from simcvd.scans.formats import LOCATED_ENDINGS, read_scan
from simcvd.scans.orientation import axis_codes, orient
from simcvd.scans.volume import Volume

_DICOM = (".dcm", ".dicom", ".ima")
_LABELS = "labels"


@dataclass
class _Found:
    """What the search through the folders collects."""

    cases: list[SourceCase] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    modalities: Counter[str] = field(default_factory=Counter)


def prepare_dicom(source: Path, target: Path, options: PrepareOptions, series: str | None = None) -> PrepareReport:
    """Prepare a folder with the DICOM series of each case.

    Args:
        source: where the scans are.
        target: the data set folder.
        options: what a person chooses.
        series: the series to take of a case that has several: its UID, its number or its description.

    Raises:
        UserError: no case there, or what `prepare` raises.
    """
    return prepare(_find(Path(source), options.classes, series), Path(target), options)


def _find(folder: Path, asked: tuple[str, ...] | None, series: str | None) -> ScanFolder:
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; expected one with a folder a case.")
    root = folder / "images" if (folder / "images").is_dir() else folder
    found = _Found()
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and not (root == folder and path.name == _LABELS):
            try:
                found.cases.append(_case(path, folder / _LABELS, found))
            except UserError as error:
                found.problems[path.name] = str(error).rstrip(".")
        elif path.is_file() and class_of(path) is not None:
            raise UserError(f"{root} holds DICOM files itself, such as {path.name}; expected a folder a case.")
    if not found.cases and not found.problems:
        raise UserError(f"{root} has no case; expected a folder a case with the files of a DICOM series.")
    classes = _classes(found, asked)
    return ScanFolder(
        kind="dicom",
        folder=folder,
        cases=tuple(case for case in found.cases if case.id not in found.problems),
        read_image=lambda case: read_series(case.images, series),
        read_label=partial(_read_label, series=series, classes=classes),
        classes=classes,
        channels=tuple(found.modalities) if len(found.modalities) == 1 else None,
        default_counts=shares,
        problems=found.problems,
        notes=_notes(found),
        modality=tuple(found.modalities) if len(found.modalities) == 1 else None,
    )


def files_below(folder: Path) -> list[Path]:
    """List the files below a folder; names with a leading dot are left-overs of another system.

    Raises:
        UserError: a link that leads nowhere.
    """
    files = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.is_symlink() and not path.exists():
            raise UserError(f"{path} is a link that leads nowhere")
        if path.is_file():
            files.append(path)
    return files


def _case(folder: Path, labels: Path, found: _Found) -> SourceCase:
    images: list[Path] = []
    candidates = _labels_of(folder.name, labels)
    left_out: Counter[str] = Counter()
    for path in files_below(folder):
        if _is_volume(path):
            candidates.append(path)
        elif (kind := class_of(path)) is None:
            if path.suffix.lower() in _DICOM and path.name.upper() != "DICOMDIR":
                raise UserError(f"{path} is not a DICOM file")
        elif kind == SEGMENTATION:
            candidates.append(path)
        elif is_image(kind):
            images.append(path)
        else:
            left_out[class_name(kind)] += 1
    if not images:
        others = ", ".join(f"{count} {name}" for name, count in left_out.items())
        raise UserError(f"{folder} has no DICOM image{f', only {others}' if others else ''}, expected a series")
    if len(candidates) > 1:
        raise UserError(f"it has {len(candidates)} labels, {candidates[0]} and {candidates[1]}, expected one")
    found.left_out += left_out
    found.modalities[str(read_header(images[0], ["Modality"]).get("Modality", "")) or "unknown"] += 1
    return SourceCase(folder.name, tuple(images), candidates[0] if candidates else None)


def _labels_of(case_id: str, labels: Path) -> list[Path]:
    """Return what lies in `labels/` under a case's name."""
    if not labels.is_dir():
        return []
    paths = [labels / f"{case_id}{ending}" for ending in (*LOCATED_ENDINGS, *_DICOM)]
    inside = files_below(labels / case_id)
    masks = [path for path in inside if _is_volume(path) or class_of(path) == SEGMENTATION]
    return [path for path in paths if path.exists()] + masks


def _classes(found: _Found, asked: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the segments' names in the order of their numbers, or as they are asked for; none without segments."""
    names: dict[str, None] = {}
    for case in found.cases:
        if case.label is not None and not _is_volume(case.label):
            try:
                names |= dict.fromkeys(name for _, name in sorted(segment_names(case.label).items()))
            except UserError as error:
                found.problems[case.id] = str(error).rstrip(".")
    if asked and names and not set(names) <= set(asked):
        raise UserError(
            f"The segmentations hold {', '.join(names)}, but --classes names {', '.join(asked)}; name the same ones."
        )
    return asked or tuple(names) or None


def _read_label(case: SourceCase, series: str | None, classes: Sequence[str] | None) -> Volume:
    assert case.label is not None
    opened = open_series(case.images, series)
    if not _is_volume(case.label):
        ids = {name: number for number, name in enumerate(classes or (), start=1)}
        return read_segmentation(case.label, opened, ids)
    # Converters turn and mirror whole axes; the label comes back in the order of the series.
    return orient(read_scan(case.label), axis_codes(opened.affine))[0]


def _is_volume(path: Path) -> bool:
    return path.name.lower().endswith(LOCATED_ENDINGS)


def _notes(found: _Found) -> tuple[str, ...]:
    notes = []
    if found.left_out:
        notes.append(f"{_counted(found.left_out.items())} are no images and were not read.")
    if len(found.modalities) > 1:
        notes.append(f"The scans are of different kinds: {_counted(found.modalities.items())}.")
    return tuple(notes)


def _counted(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts)

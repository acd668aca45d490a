"""NIfTI folders: the Medical Segmentation Decathlon's layout, with or without `dataset.json`; `images/` and `labels/`.

Images are in `imagesTr/` (or `images/`), labels of the same file name in `labelsTr/` (or `labels/`); images without a
label, there or in `imagesUn/`, are unlabelled training cases. `imagesTs/` of the Decathlon has no labels and is not
read. Without counts, the last 20 % of the cases with a label are the test, the 10 % before them for validation, and all
others labelled.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simcvd.data.preparation.prepare import PrepareOptions, PrepareReport, prepare
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.data.preparation.splits import SplitCounts, case_id_of
from simcvd.data.readers import Volume, read_nifti
from simcvd.errors import UserError

_LAYOUTS = (("imagesTr", "labelsTr"), ("images", "labels"))


def prepare_nifti(source: Path, target: Path, options: PrepareOptions) -> PrepareReport:
    """Prepare a folder of NIfTI images and labels.

    Cases come in the order of `dataset.json`, then by name. Class names come from the options, else from
    `dataset.json`, else they are found in the labels of the labelled training cases.

    Raises:
        UserError: no such layout, a foreign `dataset.json`, or what `prepare` raises.
    """
    return prepare(_find(Path(source)), Path(target), options)


def _find(folder: Path) -> ScanFolder:
    layout = next(
        ((folder / images, folder / labels) for images, labels in _LAYOUTS if (folder / images).is_dir()), None
    )
    if layout is None:
        raise UserError(f"{folder} has neither imagesTr/ nor images/; expected one of them, and labelsTr/ or labels/.")
    described = _described(folder / "dataset.json")
    problems: dict[str, str] = {}
    images = _by_id([*_files(layout[0]), *_files(folder / "imagesUn")], problems, "images")
    labels = _by_id(_files(layout[1]), problems, "labels")
    if not images and not labels:
        raise UserError(f"{layout[0]} has no .nii or .nii.gz file; expected the images there.")
    for case_id in labels:
        if case_id not in images:
            problems.setdefault(case_id, f"the label {labels[case_id]} has no image of the same name")
    listed = _listed(described, folder, images, labels, problems)
    order = [*listed, *(case_id for case_id in sorted(images) if case_id not in set(listed))]
    unused = len(_files(folder / "imagesTs"))
    return ScanFolder(
        kind="nifti",
        folder=folder,
        cases=tuple(SourceCase(i, images[i], labels.get(i)) for i in order if i not in problems),
        read_image=_read_image,
        read_label=_read_label,
        classes=_names(described, "labels"),
        channels=_names(described, "channel_names", "modality"),
        default_counts=_default_counts,
        problems=problems,
        notes=(f"{unused} images in imagesTs/ have no labels and were not read.",) if unused else (),
    )


def _default_counts(labelled: int) -> SplitCounts:
    return SplitCounts(val=round(0.1 * labelled), test=round(0.2 * labelled))


def _read_image(case: SourceCase) -> Volume:
    return read_nifti(case.image)


def _read_label(case: SourceCase) -> Volume:
    assert case.label is not None
    return read_nifti(case.label)


def _files(folder: Path) -> list[Path]:
    """List the NIfTI files of a folder; names with a leading dot are left-overs of another system."""
    if not folder.is_dir():
        return []
    found = sorted(folder.iterdir())
    return [p for p in found if p.name.lower().endswith((".nii", ".nii.gz")) and not p.name.startswith(".")]


def _by_id(paths: Iterable[Path], problems: dict[str, str], kind: str) -> dict[str, Path]:
    by_id: dict[str, Path] = {}
    for path in paths:
        case_id = case_id_of(path.name)
        if case_id in by_id:
            problems[case_id] = f"two {kind} have this id, {by_id[case_id]} and {path}, expected one"
        by_id.setdefault(case_id, path)
    return by_id


def _described(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); repair it, or remove it to go by file names.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no description of a data set; repair it, or remove it to go by file names.")
    return content


def _listed(
    described: dict[str, Any],
    folder: Path,
    images: dict[str, Path],
    labels: dict[str, Path],
    problems: dict[str, str],
) -> list[str]:
    """Return the training cases that `dataset.json` names, in its order, and note which of their files are missing."""
    entries = described.get("training", [])
    listed: list[str] = []
    for entry in entries if isinstance(entries, list) else []:
        image, label = (entry.get("image"), entry.get("label")) if isinstance(entry, dict) else (entry, None)
        if not isinstance(image, str):
            raise UserError(f"{folder / 'dataset.json'} has a training entry without an image: {entry}; correct it.")
        case_id = case_id_of(image)
        if case_id in listed:
            problems[case_id] = "dataset.json names it twice, expected once"
        elif case_id not in images:
            problems.setdefault(case_id, f"dataset.json names the image {image}, which is missing")
        elif label and case_id not in labels:
            problems.setdefault(case_id, f"dataset.json names the label {label}, which is missing")
        else:
            listed.append(case_id)
    return listed


def _names(described: dict[str, Any], *keys: str) -> tuple[str, ...] | None:
    """Return names in the order of their numbers, background left out; both {"1": name} and {name: 1} are in use."""
    found = next((described[key] for key in keys if isinstance(described.get(key), dict)), None)
    if not found:
        return None
    pairs = [(key, value) if str(key).isdigit() else (value, key) for key, value in found.items()]
    if not all(str(number).isdigit() and isinstance(name, str) for number, name in pairs):
        raise UserError(f"dataset.json describes '{keys[0]}' as {found}; expected one name for each number.")
    numbered = {int(number): name for number, name in pairs}
    first = 1 if keys == ("labels",) else 0
    if sorted(n for n in numbered if n >= first) != list(range(first, first + sum(n >= first for n in numbered))):
        raise UserError(f"dataset.json numbers '{keys[0]}' as {sorted(numbered)}; expected {first}, {first + 1}, ...")
    return tuple(numbered[number] for number in sorted(numbered) if number >= first) or None

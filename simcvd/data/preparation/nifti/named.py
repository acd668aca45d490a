"""Cases as `dataset.json` names them: its paths and pairs, and no others."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from simcvd.data.preparation.nifti.by_name import LAYOUTS, UNLABELLED, group
from simcvd.data.preparation.nifti.description import Description, Entry
from simcvd.data.preparation.nifti.files import channel_files, channel_problem, image_files
from simcvd.data.preparation.source import SourceCase
from simcvd.data.preparation.splits import SplitLists, case_id_of, some
from simcvd.data.store import Splits
from simcvd.scans.formats import split_channel


def named_cases(
    folder: Path, described: Description, problems: dict[str, str]
) -> tuple[list[SourceCase], SplitLists | None, list[str]]:
    """Find the cases that `dataset.json` names, in its order, and those of `imagesUn/`, for which it has no word.

    Args:
        folder: where `dataset.json` is; its paths start there.
        described: what it says.
        problems: gets what is wrong with a case, by its id.

    Returns:
        The cases, the split where the file names validation or test cases, and what a person should know.
    """
    training = described.training or ()
    entries = [*training, *described.validation, *described.test]
    images = [tuple(_path(folder, image) for image in entry.images) for entry in entries]
    ids = _ids(entries, images)
    by_channel = _by_channel(ids, images)
    channels = len(described.channels or ()) or max(map(len, by_channel.values()), default=None)
    cases: dict[str, SourceCase] = {}
    for case_id, entry, paths in zip(ids, entries, images, strict=True):
        on_disk = tuple(by_channel[case_id].values()) if case_id in by_channel else paths
        case = SourceCase(case_id, on_disk, _path(folder, entry.label) if entry.label else None)
        problem = _problem(case, entry, channels)
        if case_id in cases:
            problem = "dataset.json names it twice, expected once"
        elif case_id in by_channel and channels:
            problem = channel_problem(by_channel[case_id], channels) or problem
        if problem:
            problems.setdefault(case_id, problem)
        cases.setdefault(case_id, case)
    _refuse_shared_labels(cases.values(), problems)
    for case_id in ids[len(training) :]:
        if cases[case_id].label is None:
            problems.setdefault(case_id, "dataset.json names it for validation without a label")
    notes = _unnamed(folder, cases.values())
    bare = _unlabelled(folder, described, cases, problems, notes)
    lists = None
    if len(entries) > len(training):
        order = tuple(dict.fromkeys([*ids[: len(training)], *(case.id for case in bare)]))
        lists = _lists(order, ids[len(training) :], described)
        counts = f"{len(lists.splits.val)} validation and {len(lists.splits.test)} labelled test cases"
        notes.append(f"dataset.json names {counts}; --val or --test takes that part from the training cases instead.")
    return [*cases.values(), *bare], lists, notes


def _path(folder: Path, written: str) -> Path:
    return folder / os.path.normpath(written.replace("\\", "/"))


def _by_channel(ids: Sequence[str], images: Sequence[tuple[Path, ...]]) -> dict[str, dict[int, Path]]:
    """Return files by channel where nnU-Net's first form names `case.nii.gz` and means `case_0000.nii.gz`, ..."""
    alone = {i: paths[0] for i, paths in zip(ids, images, strict=True) if len(paths) == 1}
    missing = {case_id: path for case_id, path in alone.items() if not os.path.lexists(path)}
    found = channel_files(missing.values())
    return {case_id: found[path] for case_id, path in missing.items() if path in found}


def _problem(case: SourceCase, entry: Entry, channels: int | None) -> str | None:
    for written, path in zip(entry.images, case.images, strict=False):
        if not os.path.lexists(path):
            return f"dataset.json names the image {written}, which is missing"
    if channels and len(entry.images) not in (1, channels):
        return f"dataset.json names {len(entry.images)} images for it, expected {channels}, one a channel"
    if case.label is not None and not os.path.lexists(case.label):
        return f"dataset.json names the label {entry.label}, which is missing"
    if case.label in case.images:
        return f"dataset.json names {entry.label} as its image and as its label"
    return None


def _ids(entries: Sequence[Entry], images: Sequence[tuple[Path, ...]]) -> list[str]:
    """Return a name for each case: that of its image, or of the folder where all images have one name."""

    def own(entry: Entry, paths: tuple[Path, ...]) -> str:
        stem = case_id_of(paths[0].name)
        part = split_channel(stem)
        label = case_id_of(Path(entry.label).name) if entry.label else None
        if part and (len(paths) > 1 or part[0] == label):
            return part[0]
        return label if len(paths) > 1 and label else stem

    def parent(entry: Entry, paths: tuple[Path, ...]) -> str:
        return paths[0].parent.name

    def both(entry: Entry, paths: tuple[Path, ...]) -> str:
        return f"{parent(entry, paths)}_{own(entry, paths)}"

    schemes: tuple[Callable[[Entry, tuple[Path, ...]], str], ...] = (own, parent, both)
    different = len(set(images))
    for scheme in schemes:
        ids = [entry.id or scheme(entry, paths) for entry, paths in zip(entries, images, strict=True)]
        if len(set(ids)) >= different:
            return ids
    return [entry.id or own(entry, paths) for entry, paths in zip(entries, images, strict=True)]


def _refuse_shared_labels(cases: Iterable[SourceCase], problems: dict[str, str]) -> None:
    listed = list(cases)
    uses = Counter(path for case in listed for path in (*case.images, case.label) if path is not None)
    for case in listed:
        for path in (*case.images, case.label):
            if path is not None and uses[path] > 1:
                owners = some(other.id for other in listed if path in (*other.images, other.label))
                problems.setdefault(case.id, f"dataset.json names {path} for more than one case ({owners})")


def _unnamed(folder: Path, cases: Iterable[SourceCase]) -> list[str]:
    """Say which files lie beside the named ones and were not used."""
    named = {path for case in cases for path in (*case.images, case.label) if path is not None}
    places = {path.parent for path in named} | {folder / name for names in LAYOUTS for name in names}
    places -= {folder / UNLABELLED}
    others = [path for place in sorted(places) for path in image_files(place) if path not in named]
    if not others:
        return []
    shown = some(os.path.relpath(path, folder) for path in others)
    return [f"{len(others)} files are not named in dataset.json and were not used: {shown}."]


def _unlabelled(
    folder: Path, described: Description, cases: dict[str, SourceCase], problems: dict[str, str], notes: list[str]
) -> list[SourceCase]:
    named = {path for case in cases.values() for path in case.images}
    found = [path for path in image_files(folder / UNLABELLED) if path not in named]
    parts = (split_channel(case_id_of(case.images[0].name)) for case in cases.values())
    by_id = group(found, described, problems, by_channel=any(part and part[0] in cases for part in parts))
    for case_id in sorted(set(by_id) & set(cases)):
        problems.setdefault(case_id, f"two images have this id, one of them {by_id.pop(case_id)[0]}, expected one")
    if by_id:
        notes.append(f"{len(by_id)} images of imagesUn/, for which dataset.json has no word, are unlabelled cases.")
    return [SourceCase(case_id, by_id[case_id], None) for case_id in sorted(by_id)]


def _lists(order: tuple[str, ...], held_out: Sequence[str], described: Description) -> SplitLists:
    count = len(described.validation)
    val, test = tuple(dict.fromkeys(held_out[:count])), tuple(dict.fromkeys(held_out[count:]))
    decides = frozenset(name for name, ids in (("val", val), ("test", test)) if ids)
    return SplitLists(Splits(val=val, test=test), order, decides)

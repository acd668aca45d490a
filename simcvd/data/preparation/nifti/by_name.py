"""Cases by the names of their files: an image and the label of the same name, or nnU-Net's file for each channel."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from simcvd.data.preparation.nifti.description import Description
from simcvd.data.preparation.nifti.files import channel_problem, image_files
from simcvd.data.preparation.source import SourceCase
from simcvd.data.preparation.splits import case_id_of, some
from simcvd.errors import UserError
from simcvd.scans.formats import LOCATED_ENDINGS, scan_ending, split_channel

LAYOUTS = (("imagesTr", "labelsTr"), ("images", "labels"))
UNLABELLED = "imagesUn"


def cases_by_name(folder: Path, described: Description, problems: dict[str, str]) -> tuple[list[SourceCase], list[str]]:
    """Find the cases of `imagesTr/` and `labelsTr/`, or of `images/` and `labels/`, and those of `imagesUn/`.

    Args:
        folder: where these folders are.
        described: names of channels and the ending of files, where they are known.
        problems: gets what is wrong with a case, by its id.

    Returns:
        The cases by name, and what a person should know.

    Raises:
        UserError: no such folders, no label for any image, or channels with gaps.
    """
    layouts = [(folder / images, folder / labels) for images, labels in LAYOUTS if (folder / images).is_dir()]
    if not layouts:
        raise UserError(f"{folder} has neither imagesTr/ nor images/; expected one of them, and labelsTr/ or labels/.")
    (image_folder, label_folder), *other = layouts
    notes = [f"{images.name}/ was not read, since there is {image_folder.name}/." for images, _ in other]
    images = _of_ending(image_files(image_folder), described, image_folder, notes)
    labels = _one_each(_of_ending(image_files(label_folder), described, label_folder, notes), problems, "labels")
    if not images:
        _refuse_nothing(image_folder)
    images += _of_ending(image_files(folder / UNLABELLED), described, folder / UNLABELLED, notes)
    by_id = group(images, described, problems, by_channel=_by_channel(images, labels, described))
    if not set(labels) & set(by_id):
        _refuse_no_pair(image_folder, by_id, label_folder, labels)
    for case_id in labels:
        if case_id not in by_id:
            problems.setdefault(case_id, f"the label {labels[case_id]} has no image of the same name")
    return [SourceCase(case_id, by_id[case_id], labels.get(case_id)) for case_id in sorted(by_id)], notes


def _of_ending(paths: list[Path], described: Description, folder: Path, notes: list[str]) -> list[Path]:
    if described.ending is None:
        return paths
    chosen = [path for path in paths if scan_ending(path) == described.ending]
    others = [path.name for path in paths if scan_ending(path) != described.ending]
    if others and not chosen:
        raise UserError(
            f"No file in {folder} ends in {described.ending}, as dataset.json says under 'file_ending', but there is "
            f"{others[0]}; correct dataset.json."
        )
    if others:
        notes.append(
            f"{len(others)} files in {folder.name}/ don't end in {described.ending}, as dataset.json says, and were "
            f"not read: {some(others)}."
        )
    return chosen


def _refuse_nothing(folder: Path) -> None:
    slices = [path.name for path in folder.rglob("*.dcm")][:1]
    advice = f"{slices[0]} is DICOM, for which there is `simcvd prepare dicom`" if slices else "expected images there"
    raise UserError(f"{folder} has no file that ends in {', '.join(LOCATED_ENDINGS)}; {advice}.")


def _refuse_no_pair(
    image_folder: Path, images: Mapping[str, object], label_folder: Path, labels: Mapping[str, object]
) -> None:
    if not labels:
        raise UserError(f"{label_folder} has no label; expected files there with the names of their images.")
    raise UserError(
        f"No label in {label_folder} ({some(labels)}) has the name of an image in {image_folder} ({some(images)}); "
        "give both the same name, or name the pairs in dataset.json."
    )


def _one_each(paths: Iterable[Path], problems: dict[str, str], kind: str) -> dict[str, Path]:
    by_id: dict[str, Path] = {}
    for path in paths:
        case_id = case_id_of(path.name)
        if case_id in by_id:
            problems[case_id] = f"two {kind} have this id, {by_id[case_id]} and {path}, expected one"
        by_id.setdefault(case_id, path)
    return by_id


def group(
    paths: list[Path], described: Description, problems: dict[str, str], *, by_channel: bool
) -> dict[str, tuple[Path, ...]]:
    """Return the image files of each case.

    Args:
        paths: files of all cases.
        described: names of the channels, where they are known.
        problems: gets what is wrong with a case, by its id.
        by_channel: whether names end in `_0000`, `_0001`, ..., one file a channel.
    """
    if by_channel and paths:
        return _channels(paths, described, problems)
    return {case_id: (path,) for case_id, path in _one_each(paths, problems, "images").items()}


def _by_channel(paths: list[Path], labels: Mapping[str, Path], described: Description) -> bool:
    """Tell whether there is a file for each channel: the names of labels say so, or dataset.json is nnU-Net's."""
    stems = [case_id_of(path.name) for path in paths]
    parts = [split_channel(stem) for stem in stems]
    whole, split = len(set(stems) & set(labels)), len({part[0] for part in parts if part} & set(labels))
    nn_unet = described.ending is not None and any(parts)
    return split > whole or (split == whole == 0 and nn_unet)


def _channels(paths: list[Path], described: Description, problems: dict[str, str]) -> dict[str, tuple[Path, ...]]:
    by_id: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in paths:
        stem = case_id_of(path.name)
        part = split_channel(stem)
        if part is None:
            problems[stem] = f"the image {path} has no channel in its name, expected {stem}_0000 as for the others"
            continue
        case_id, channel = part
        if channel in by_id[case_id]:
            problems[case_id] = f"two images have this id, {by_id[case_id][channel]} and {path}, expected one"
        by_id[case_id].setdefault(channel, path)
    present = sorted({channel for channels in by_id.values() for channel in channels})
    count = len(described.channels) if described.channels else len(present)
    if not described.channels and present != list(range(count)):
        shown = ", ".join(f"_{channel:04}" for channel in present)
        raise UserError(f"The images in {paths[0].parent} end in {shown}; expected _0000, _0001, ... without gaps.")
    for case_id, channels in by_id.items():
        clause = channel_problem(channels, count)
        if clause:
            problems.setdefault(case_id, clause)
    return {case_id: tuple(channels[channel] for channel in sorted(channels)) for case_id, channels in by_id.items()}

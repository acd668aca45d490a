"""Which images are to be segmented, what their masks are called, and which masks are there already."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcvd.errors import UserError
from simcvd.scans.formats import SCAN_ENDINGS, scan_ending, scan_format, split_channel

_MEMORY = ".predicted.jsonl"


@dataclass(frozen=True)
class ImageToSegment:
    """An image and the mask it becomes.

    Attributes:
        files: one with all channels, one for each channel, or the slices of a DICOM series.
        mask: where its mask is written.
        dicom: whether it is a DICOM series.
    """

    files: tuple[Path, ...]
    mask: Path
    dicom: bool = False

    def __str__(self) -> str:
        """Return the file's name, of several the first and how many more, of a series its folder's."""
        if self.dicom:
            return str(self.files[0].parent)
        return str(self.files[0]) + (f" and {len(self.files) - 1} more" if len(self.files) > 1 else "")


def find_images(paths: Sequence[Path], out: Path, channels: int) -> list[ImageToSegment]:
    """Name the masks of files and of all scans in folders, before any image is read.

    A mask has its image's file name, preceded by its folder's name where several images share one. Where a network
    takes several channels, files `NAME_0000.END`, `NAME_0001.END`, ... of one folder are one image, `NAME.END`. A
    folder of DICOM slices is one image; its mask is `FOLDER.nii.gz`.

    Args:
        paths: files, and folders whose scans are all taken; subfolders are not.
        out: folder for the masks.
        channels: how many channels the network takes.

    Raises:
        UserError: a path that is missing or no scan, a folder without any, two images for one mask, or a mask that
            would replace an image.
    """
    series = {path: found for path in paths if path.is_dir() and (found := _dicom_files(path))}
    others = [path for path in paths if path not in series]
    files = [file for path in others for file in (_in_folder(path) if path.is_dir() else [path])]
    for file in files:
        scan_format(file)
        if not file.is_file():
            raise UserError(f"There is no image {file}.")
    groups = _grouped(files, channels)
    shared = Counter(name for _, name in groups)
    named = [
        ImageToSegment(group, out / (name if shared[name] == 1 else f"{group[0].resolve().parent.name}_{name}"))
        for group, name in groups
    ]
    named += [ImageToSegment(found, out / f"{path.resolve().name}.nii.gz", True) for path, found in series.items()]
    twice = [mask.name for mask, count in Counter(image.mask for image in named).items() if count > 1]
    if twice:
        raise UserError(f"Several images would become the mask {twice[0]}; predict them into folders of their own.")
    sources = {file.resolve() for file in files}
    for image in named:
        if image.mask.resolve() in sources:
            raise UserError(f"The mask {image.mask} would replace an image; choose another folder for the masks.")
    return named


class FinishedMasks:
    """Masks of a folder that were written whole, one line each, so that a prediction that was cut off goes on.

    Args:
        out: folder for the masks.
        made_by: what besides the image decides a mask: weights and options.
    """

    def __init__(self, out: Path, made_by: Sequence[Any]) -> None:
        self._path = out / _MEMORY
        self._made_by = list(made_by)
        self._known: dict[str, str] = {}
        for line in self._path.read_text().splitlines() if self._path.is_file() else []:
            try:
                entry = json.loads(line)
                self._known[entry["mask"]] = entry["stamp"]
            except (ValueError, KeyError, TypeError):
                continue  # a line that was cut off

    def holds(self, image: ImageToSegment) -> bool:
        """Tell whether the mask of this image, made by the same network and options, is there."""
        return image.mask.is_file() and self._known.get(image.mask.name) == self._stamp(image)

    def refuse_others(self, images: Sequence[ImageToSegment]) -> None:
        """Refuse to replace files that no prediction wrote, such as labels that were drawn by hand.

        Raises:
            UserError: such a file has a mask's name.
        """
        for image in images:
            if image.mask.exists() and image.mask.name not in self._known:
                raise UserError(
                    f"{image.mask} is there and was not written by `simcvd predict`; choose another folder for masks."
                )

    def begin(self, image: ImageToSegment) -> None:
        """Forget a mask that is about to be replaced, so that it is not taken for the earlier one after a kill."""
        self._append(image.mask.name, "")

    def add(self, image: ImageToSegment) -> None:
        """Remember that a mask is written."""
        self._append(image.mask.name, self._stamp(image))

    def _append(self, mask: str, stamp: str) -> None:
        self._known[mask] = stamp
        with self._path.open("a") as file:
            # The line break first: a torn line before it then spoils no other.
            file.write("\n" + json.dumps({"mask": mask, "stamp": stamp}))

    def _stamp(self, image: ImageToSegment) -> str:
        states = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in image.files]
        return hashlib.sha256(json.dumps([self._made_by, states]).encode()).hexdigest()


def _dicom_files(folder: Path) -> tuple[Path, ...]:
    """Return the DICOM images of a folder; none if it has other scans."""
    from simcvd.scans.dicom.file import class_of, is_image

    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    if any(scan_ending(path) is not None for path in files):
        return ()
    return tuple(path for path in files if (kind := class_of(path)) is not None and is_image(kind))


def _in_folder(folder: Path) -> list[Path]:
    found = [
        path
        for path in sorted(folder.iterdir())
        if scan_ending(path) is not None and not path.name.startswith(".") and path.is_file()
    ]
    if not found:
        raise UserError(f"The folder {folder} has no image to segment; expected files {', '.join(SCAN_ENDINGS)}.")
    return found


def _grouped(files: Sequence[Path], channels: int) -> list[tuple[tuple[Path, ...], str]]:
    """Return each image's files and name, in the order of the first file."""
    groups: dict[tuple[Path, str], dict[int, Path]] = {}
    for file in files if channels > 1 else []:
        ending = scan_ending(file) or ""
        if part := split_channel(file.name[: -len(ending)]):
            groups.setdefault((file.parent, part[0] + file.name[-len(ending) :]), {})[part[1]] = file
    whole = {key: group for key, group in groups.items() if sorted(group) == list(range(channels))}
    key_of = {file: key for key, group in whole.items() for file in group.values()}
    done: set[tuple[Path, str]] = set()
    images: list[tuple[tuple[Path, ...], str]] = []
    for file in files:
        key = key_of.get(file)
        if key is None:
            images.append(((file,), file.name))
        elif key not in done:
            done.add(key)
            images.append((tuple(whole[key][channel] for channel in range(channels)), key[1]))
    return images

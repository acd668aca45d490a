"""What `dataset.json` says: the Decathlon's form, nnU-Net's first and second, and lists of images and labels."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from simcvd.case_id import id_problem
from simcvd.errors import UserError
from simcvd.scans.formats import LOCATED_ENDINGS

Content = dict[str, Any]

_BACKGROUND = frozenset({"background", "bg", "back", "bkg", "unlabeled", "unlabelled", "none", "clear label"})


class Entry(NamedTuple):
    """A case as the file names it.

    Attributes:
        images: paths as they are written, one file with all channels or one a channel.
        label: path as it is written.
        id: the case's name, where the file gives one.
    """

    images: tuple[str, ...]
    label: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Description:
    """A data set as `dataset.json` describes it; what it does not say is none.

    Attributes:
        classes: names of classes 1 to K.
        ignore: value of label voxels that count nowhere.
        channels: names of the channels.
        ending: of all its files, in small letters.
        training: the training cases; none: all that are in the folders.
        validation: cases that are for validation.
        test: test cases that have a label.
        count: how many training cases there should be.
        notes: what a person should know.
    """

    classes: tuple[str, ...] | None = None
    ignore: int | None = None
    channels: tuple[str, ...] | None = None
    ending: str | None = None
    training: tuple[Entry, ...] | None = None
    validation: tuple[Entry, ...] = ()
    test: tuple[Entry, ...] = ()
    count: Any = None
    notes: tuple[str, ...] = ()


def read_description(folder: Path) -> Description:
    """Read `dataset.json`; without one, nothing is described.

    Raises:
        UserError: it can't be read, or says something that can't be meant.
    """
    path = folder / "dataset.json"
    if not os.path.lexists(path):
        return Description()
    content = _content(path)
    try:
        names, ignore = _classes(content.get("labels"))
        channels = _numbered(_channel_key(content), content.get(_channel_key(content)))
        ending = _ending(content.get("file_ending"))
        training = _training(content)
        validation = _entries("validation", content.get("validation") or content.get("val") or [])
        test = content.get("test", [])
        labelled = [entry for entry in test if isinstance(entry, (dict, list))] if isinstance(test, list) else []
        return Description(
            classes=tuple(names[number] for number in sorted(names) if number > 0) or None,
            ignore=ignore,
            channels=tuple(channels[number] for number in sorted(channels)) or None,
            ending=ending,
            training=training,
            validation=validation,
            test=tuple(entry for entry in _entries("test", labelled) if entry.label),
            count=content.get("numTraining"),
            notes=_notes(names),
        )
    except UserError as error:
        raise UserError(f"{path} {error}") from error


def _content(path: Path) -> Content:
    def once(pairs: list[tuple[str, Any]]) -> Content:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise UserError(f"{path} has the key '{_twice(keys)}' twice in one place; keep one of them.")
        return dict(pairs)

    advice = "repair it, or remove it to go by file names"
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); {advice}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); {advice}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no description of a data set; {advice}.")
    return content


def _classes(found: Any) -> tuple[dict[int, str], int | None]:
    """Return the names of classes by number, and the number of voxels to ignore."""
    for name, value in found.items() if isinstance(found, dict) else ():
        if isinstance(value, list):
            raise UserError(
                f"makes the region '{name}' of the classes {value}; regions are not supported, give each class one "
                "number, as the voxels have it."
            )
    names = _numbered("labels", found)
    ignored = [number for number, name in names.items() if name.lower() == "ignore"]
    if 0 in ignored:
        raise UserError("numbers 'ignore' 0, which is the background; expected the number above the last class.")
    for number in ignored:
        del names[number]
    _no_gaps("labels", names, first=1)
    return names, ignored[0] if ignored else None


def _channel_key(content: Content) -> str:
    return "channel_names" if "channel_names" in content else "modality"


def _numbered(key: str, found: Any) -> dict[int, str]:
    """Return names by number; {"1": name}, {name: 1}, [name, ...] and a single name are in use."""
    if found is None:
        return {}
    if isinstance(found, str):
        found = [found]
    pairs = list(enumerate(found)) if isinstance(found, list) else []
    if isinstance(found, dict):
        by_name = (isinstance(value, int) or not _is_number(name) for name, value in found.items())
        pairs = [pair[::-1] if turned else pair for pair, turned in zip(found.items(), by_name, strict=True)]
    if (found and not pairs) or not all(_is_number(number) and isinstance(name, str) for number, name in pairs):
        raise UserError(f"describes '{key}' as {_short(found)}; expected one name for each number.")
    numbers, names = [int(number) for number, _ in pairs], [name for _, name in pairs]
    for kind, values in (("number", numbers), ("name", names)):
        if len(set(values)) < len(pairs):
            raise UserError(f"gives the {kind} '{_twice(values)}' to two of its '{key}'; expected another for each.")
    numbered = dict(zip(numbers, names, strict=True))
    if key != "labels":
        _no_gaps(key, numbered, first=0)
    return numbered


def _no_gaps(key: str, names: dict[int, str], first: int) -> None:
    numbers = sorted(number for number in names if number >= first)
    if numbers != list(range(first, first + len(numbers))):
        raise UserError(f"numbers '{key}' as {sorted(names)}; expected {first}, {first + 1}, ... without gaps.")


def _ending(found: Any) -> str | None:
    if found is None:
        return None
    ending = found.lower() if isinstance(found, str) else found
    if isinstance(ending, str) and f".{ending.lstrip('.')}" in LOCATED_ENDINGS:
        return f".{ending.lstrip('.')}"
    raise UserError(f"says that files end in {found!r}; expected one of {', '.join(LOCATED_ENDINGS)}.")


def _training(content: Content) -> tuple[Entry, ...] | None:
    """Return the cases under `training`, or under nnU-Net's `dataset`; that word is also used for a plain name."""
    by_id = content.get("dataset")
    if not isinstance(by_id, dict):
        if "training" not in content:
            return None
        return _not_empty("training", _entries("training", content["training"]))
    if "training" in content:
        raise UserError("names cases under both 'training' and 'dataset'; keep one of them.")
    entries = []
    for case_id, (entry,) in ((key, _entries("dataset", [value])) for key, value in by_id.items()):
        if problem := id_problem(case_id):
            raise UserError(f"names a case {case_id[:60]!a}, but {problem}.")
        entries.append(entry._replace(id=case_id))
    return _not_empty("dataset", entries)


def _not_empty(key: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    listed = tuple(entries)
    if not listed:
        raise UserError(f"names no case under '{key}'; name them, or remove '{key}' to go by file names.")
    return listed


def _entries(key: str, found: Any) -> tuple[Entry, ...]:
    if not isinstance(found, list):
        raise UserError(f"has under '{key}' no list, but {_short(found)}; expected pairs of an image and a label.")
    return tuple(_entry(key, entry) for entry in found)


def _entry(key: str, entry: Any) -> Entry:
    images, label = (entry, None) if isinstance(entry, str) else (None, None)
    if isinstance(entry, dict):
        images, label = entry.get("image", entry.get("images")), entry.get("label")
    elif isinstance(entry, list) and len(entry) == 2:
        images, label = entry
    paths = [images] if isinstance(images, str) else images
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    if not (isinstance(paths, list) and paths and all(isinstance(path, str) and path for path in paths)):
        raise UserError(f"has a case without an image under '{key}': {_short(entry)}; correct it.")
    if not (label is None or isinstance(label, str)):
        raise UserError(f"has a case whose label is no path under '{key}': {_short(entry)}; correct it.")
    return Entry(tuple(paths), label or None)


def _notes(names: dict[int, str]) -> tuple[str, ...]:
    if 0 not in names or names[0].lower() in _BACKGROUND:
        return ()
    return (f"dataset.json calls label 0 '{names[0]}'; it is the background here, whatever its name.",)


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool) and value >= 0) or (
        isinstance(value, str) and value.isdecimal()
    )


def _twice(values: list[Any]) -> Any:
    return next(value for index, value in enumerate(values) if value in values[:index])


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

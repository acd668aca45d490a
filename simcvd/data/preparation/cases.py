"""Read, check, normalise and write the cases of a source, in threads: the heavy calls release the interpreter."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.case_file import Grid, case_path, write_case
from simcvd.data.checks import check_image, check_label, check_same_grid, label_values
from simcvd.data.preparation.journal import Journal, JournalEntry
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.errors import UserError

_VERSION = 1  # of what is written for a source; a change makes unfinished cases anew

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]


def stamp(source: ScanFolder, case: SourceCase, classes: int) -> str:
    """Return the identity of what a case file is made of, without reading voxels: name, size and time of its files."""
    files = [case.image] if case.label in (None, case.image) else [case.image, case.label]
    states = [(str(path.relative_to(source.folder)), path.stat()) for path in files if path is not None]
    content = [_VERSION, source.kind, classes, case.normalise, case.label is not None]
    content += [(name, state.st_size, state.st_mtime_ns) for name, state in states]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def write_cases(
    source: ScanFolder,
    cases: Sequence[SourceCase],
    target: Path,
    classes: int,
    journal: Journal,
    *,
    workers: int | None,
    progress: Progress | None,
    problem: Callable[[str, str], None],
) -> tuple[dict[str, JournalEntry], int]:
    """Write those of the cases that are not finished.

    Args:
        source: where to read.
        cases: the cases to have.
        target: the data set folder.
        classes: K, the number of foreground classes.
        journal: what is finished.
        workers: threads; none takes one for each CPU.
        progress: called with (cases done, all cases, id of the last) from this thread.
        problem: called with the id of a bad case and what is wrong with it; raises where that ends the preparation.

    Returns:
        The entries of the good cases by id, and how many of them were written now.
    """
    known = {case.id: journal.finished(case.id, stamp(source, case, classes)) for case in cases}
    entries = {case_id: entry for case_id, entry in known.items() if entry is not None}
    resumed = done = len(entries)
    pool = ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1)
    try:
        todo = {pool.submit(_write, source, case, target, classes): case.id for case in cases if case.id not in entries}
        for future in as_completed(todo):
            case_id = todo[future]
            try:
                entries[case_id] = future.result()
            except UserError as error:
                problem(case_id, str(error).rstrip("."))
            else:
                journal.append(case_id, entries[case_id])
            done += 1
            if progress:
                progress(done, len(cases), case_id)
    finally:
        pool.shutdown(cancel_futures=True)
    return entries, len(entries) - resumed


def find_classes(source: ScanFolder, cases: Iterable[SourceCase], workers: int | None) -> tuple[str, ...]:
    """Name the classes that the labels of these cases hold; what is wrong with a label is said when it is written.

    Raises:
        UserError: the class ids are not 1 to K.
    """

    def values(case: SourceCase) -> list[int]:
        try:
            return label_values(source.read_label(case).array)
        except UserError:
            return []

    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as pool:
        found = sorted({value for case_values in pool.map(values, cases) for value in case_values} - {0})
    count = max(len(found), 1)
    if found and found != list(range(1, count + 1)):
        shown = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
        raise UserError(
            f"The labels of the labelled training cases hold the classes {shown}, expected 1, 2, ... without gaps; "
            "renumber them, or name all classes with --classes."
        )
    return tuple(f"class_{number}" for number in range(1, count + 1))


def _write(source: ScanFolder, case: SourceCase, target: Path, classes: int) -> JournalEntry:
    before = stamp(source, case, classes)
    volume = source.read_image(case)
    image = volume.array[np.newaxis] if volume.array.ndim == 3 else volume.array
    check_image(image)
    label = None
    if case.label is not None:
        label_volume = source.read_label(case)
        check_same_grid(volume, label_volume)
        label = check_label(label_volume.array, classes)
    box = case.crop(image[0], label) if case.crop else (slice(None),) * 3
    kept = image[(slice(None), *box)]
    means, stds = _normalisation(kept) if case.normalise else ([0.0] * len(kept), [1.0] * len(kept))
    stored = np.empty(kept.shape, np.float32)
    for channel, (mean, std) in enumerate(zip(means, stds, strict=True)):
        stored[channel] = kept[channel] if not case.normalise else (kept[channel] - mean) / std
    digest = write_case(
        target,
        case.id,
        stored,
        None if label is None else label[box],
        Grid(volume.spacing_mm, volume.affine, image.shape[1:], [side.start or 0 for side in box]),
        classes=classes,
        intensity_mean=means,
        intensity_std=stds,
    )
    return JournalEntry(
        stamp=before,
        digest=digest,
        size=case_path(target, case.id).stat().st_size,
        channels=len(stored),
        empty_label=label is not None and not label[box].any(),
    )


def _normalisation(image: Array) -> tuple[list[float], list[float]]:
    check_image(image)  # a crop can be constant where the scan is not
    return [float(c.mean(dtype=np.float64)) for c in image], [float(c.std(dtype=np.float64)) for c in image]

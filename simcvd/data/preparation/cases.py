"""Read, check, normalise and write the cases of a source, in threads: the heavy calls release the interpreter."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.case_file import Grid, OnScan, case_path, write_case
from simcvd.data.checks import check_image, check_same_grid
from simcvd.data.dataset_info import ScanFacts
from simcvd.data.preparation.journal import Journal, JournalEntry
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.errors import UserError
from simcvd.labels import IGNORED, as_stored, foreground, label_values
from simcvd.scans.label_crop import whole
from simcvd.scans.normalisation import Normalisation, refuse_unnormalised
from simcvd.scans.orientation import axis_codes
from simcvd.scans.preprocessing import Preprocessing, to_grid, turned_label

_VERSION = 2  # of what is written for a source; a change makes unfinished cases anew

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Recipe:
    """How cases are made.

    Attributes:
        source: where to read.
        target: the data set folder.
        classes: K, the number of foreground classes.
        preprocessing: what every scan goes through.
        by_version_0_1: whether a data set of version 0.1 is mended, which had no other preprocessing.
    """

    source: ScanFolder
    target: Path
    classes: int
    preprocessing: Preprocessing
    by_version_0_1: bool = False

    def stamp(self, case: SourceCase) -> str:
        """Return the identity of what a case file is made of, without reading voxels: name, size and time of files."""
        files = [*case.images] if case.label in (None, *case.images) else [*case.images, case.label]
        states = [(os.path.relpath(path, self.source.folder), path.stat()) for path in files if path is not None]
        content: list[Any]
        if self.by_version_0_1:
            content = [1, self.source.kind, self.classes, not case.finished, case.label is not None]
        else:
            made = self.preprocessing.model_dump(mode="json")
            finished = "normalised again" if case.normalised_again else case.finished
            content = [_VERSION, self.source.kind, self.classes, finished, case.label is not None, made]
            content.append(self.source.ignore)
        content += [(name, state.st_size, state.st_mtime_ns) for name, state in states]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def write_cases(
    recipe: Recipe,
    cases: Sequence[SourceCase],
    journal: Journal,
    *,
    workers: int | None,
    progress: Progress | None,
    problem: Callable[[str, str], None],
) -> tuple[dict[str, JournalEntry], int]:
    """Write those of the cases that are not finished; a finished one is read and its digest checked.

    Args:
        recipe: how cases are made.
        cases: the cases to have.
        journal: what is finished.
        workers: threads; none takes one for each CPU.
        progress: called with (cases done, all cases, id of the last) from this thread.
        problem: called with the id of a bad case and what is wrong with it; raises where that ends the preparation.

    Returns:
        The entries of the good cases by id, and how many of them were written now.
    """
    pool = ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1)
    try:
        known = pool.map(lambda case: journal.finished(case.id, recipe.stamp(case)), cases)
        entries = {case.id: entry for case, entry in zip(cases, known, strict=True) if entry is not None}
        resumed = done = len(entries)
        todo = {pool.submit(_write, recipe, case): case.id for case in cases if case.id not in entries}
        for future in as_completed(todo):
            case_id = todo[future]
            try:
                entries[case_id] = future.result()
            except (UserError, MemoryError) as error:
                problem(case_id, clause_of(error))
            else:
                journal.append(case_id, entries[case_id])
            done += 1
            if progress:
                progress(done, len(cases), case_id)
    finally:
        pool.shutdown(cancel_futures=True)
    return entries, len(entries) - resumed


def clause_of(error: UserError | MemoryError) -> str:
    """Say what is wrong with a case, as a part of a sentence."""
    if isinstance(error, UserError):
        return str(error).rstrip(".")
    return f"it needs more memory than there is ({str(error).rstrip('.') or 'no more is said'})"


def find_classes(source: ScanFolder, cases: Iterable[SourceCase], workers: int | None) -> tuple[str, ...]:
    """Name the classes that the labels of these cases hold; what is wrong with a label is said when it is written.

    Raises:
        UserError: the class ids are not 1 to K.
    """

    def values(case: SourceCase) -> list[int]:
        try:
            return label_values(source.read_label(case).array)
        except (UserError, MemoryError):
            return []

    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as pool:
        found = sorted({value for case_values in pool.map(values, cases) for value in case_values} - {0, source.ignore})
    count = max(len(found), 1)
    if found and found != list(range(1, count + 1)):
        shown = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
        raise UserError(
            f"The labels of the labelled training cases hold the classes {shown}, expected 1, 2, ... without gaps; "
            "renumber them, or name all classes with --classes."
        )
    return tuple(f"class_{number}" for number in range(1, count + 1))


def _write(recipe: Recipe, case: SourceCase) -> JournalEntry:
    source = recipe.source
    before = recipe.stamp(case)
    volume = source.read_image(case)
    check_image(volume.channels)
    preprocessing = recipe.preprocessing
    if case.finished:
        preprocessing = Preprocessing(normalisation=Normalisation(kind="as_is" if case.as_it_is else "z_score"))
    grid = to_grid(volume, preprocessing)
    on_scan = label = None
    box = whole(grid.image.shape)
    if case.label is not None:
        read = source.read_label(case)
        check_same_grid(volume, read)
        on_scan = as_stored(turned_label(read, preprocessing), recipe.classes, source.ignore)
        label = grid.label(on_scan)
        if preprocessing.crop is not None:
            box = preprocessing.crop.box(foreground(label))
    kept = grid.image[(slice(None), *box)]
    check_image(kept)  # a crop can be constant where the scan is not
    if preprocessing.normalisation.kind == "as_is":
        _refuse_raw(kept)
    stored, means, stds = preprocessing.normalisation.apply(kept, grid.image)
    # Two labels of one scan may crop it in two ways.
    seen = stored if preprocessing.crop is None else grid.image
    own = OnScan(grid.scan_spacing_mm, grid.scan_shape, on_scan) if grid.resampled else None
    start = [side.start for side in box]
    digest = write_case(
        recipe.target,
        case.id,
        stored,
        None if label is None else label[box],
        Grid(grid.spacing_mm, grid.affine, grid.image.shape[1:], start, own),
        classes=recipe.classes,
        intensity_mean=means,
        intensity_std=stds,
    )
    facts = ScanFacts(
        orientation=axis_codes(volume.affine) if volume.located else None,
        spacing_mm=volume.spacing_mm,
        shape=volume.shape,
    )
    return JournalEntry(
        stamp=before,
        digest=digest,
        size=case_path(recipe.target, case.id).stat().st_size,
        channels=len(stored),
        empty_label=label is not None and not foreground(label[box]).any(),
        image_digest=hashlib.sha256(np.ascontiguousarray(seen).data).hexdigest(),
        scan=facts.model_dump(mode="json"),
        ignored=label is not None and bool((label[box] == IGNORED).any()),
        lost=_lost(on_scan, label) if on_scan is not None and label is not None and grid.resampled else [],
    )


def _lost(on_scan: Array, label: Array) -> list[int]:
    """Return the classes that a scan's own label holds and its resampled label does not."""
    return sorted({*label_values(on_scan)} - {*label_values(label)} - {0, IGNORED})


def _refuse_raw(image: Array) -> None:
    try:
        refuse_unnormalised(image)
    except UserError as error:
        raise UserError(f"{error}; give the raw scans, or normalise it to mean 0 and standard deviation 1") from error

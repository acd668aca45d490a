"""What the training scans are like before anything is chosen: voxel size, shape, intensities."""

import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcvd.data.preparation.cases import clause_of
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.errors import UserError
from simcvd.labels import as_stored, foreground
from simcvd.scans.orientation import orient
from simcvd.scans.volume import Array, Spacing

_SAMPLED_VOXELS = 20_000


@dataclass(frozen=True)
class ScanSurvey:
    """One training scan, its axes turned to RAS.

    Attributes:
        spacing_mm: voxel size.
        shape: voxels.
        located: whether its file says where it is.
        intensities: `[I, n]`, evenly spaced voxels.
        foreground: `[I, n]`, evenly spaced voxels of the labelled organs; none where the label is not used.
    """

    spacing_mm: Spacing
    shape: tuple[int, int, int]
    located: bool
    intensities: NDArray[np.float32]
    foreground: NDArray[np.float32] | None


def survey(
    source: ScanFolder,
    cases: Sequence[SourceCase],
    labelled: Collection[str],
    classes: int,
    workers: int | None,
    problem: Callable[[str, str], None],
) -> list[ScanSurvey]:
    """Read the scans once; one that can't be read is left out.

    Args:
        source: where to read.
        cases: training cases.
        labelled: ids of those whose labels may be looked at.
        classes: K, the number of foreground classes.
        workers: threads; none takes one for each CPU.
        problem: called with the id of a bad case and what is wrong with it; raises where that ends the preparation.
    """

    def facts(case: SourceCase) -> ScanSurvey | UserError | MemoryError:
        try:
            volume, _ = orient(source.read_image(case), "RAS")
            image = volume.channels
            organs = None
            if case.id in labelled and case.label is not None:
                label, _ = orient(source.read_label(case), "RAS")
                inside = foreground(as_stored(label.array, classes, source.ignore))
                organs = _sample(image[:, inside]) if inside.shape == image.shape[1:] else None
            voxels = _sample(image.reshape(len(image), -1))
        except (UserError, MemoryError) as error:
            return error
        return ScanSurvey(volume.spacing_mm, volume.shape, volume.located, voxels, organs)

    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as pool:
        found = list(pool.map(facts, cases))
    for case, read in zip(cases, found, strict=True):
        if not isinstance(read, ScanSurvey):
            problem(case.id, clause_of(read))
    return [read for read in found if isinstance(read, ScanSurvey)]


def _sample(voxels: Array) -> NDArray[np.float32]:
    step = max(1, voxels.shape[1] // _SAMPLED_VOXELS)
    return np.asarray(voxels[:, ::step], np.float32)

"""Left Atrium (2018 challenge): the public `mri_norm2.h5` folders, or the raw `lgemri.nrrd` and `laendo.nrrd`.

The raw form is cropped around the label in X and Y, all slices kept, then normalised over the crop. The public
pre-processing draws each margin from 10 to 19 voxels, enlarges X and Y towards 112 and normalises before it crops. Gap:
here the margin is always 15, so that the same scan gives the same case. `mri_norm2.h5` is taken as it is, or normalised
again over the crop. A raw scan beside files that are taken as they are is normalised before it is cropped, as they
were; so is one that is predicted by a network trained on them.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.prepare import PrepareReport, prepare
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.data.preparation.splits import SplitLists, read_list
from simcvd.data.store import Splits
from simcvd.errors import UserError
from simcvd.scans.hdf5 import hdf5_holds, read_hdf5
from simcvd.scans.itk import read_nrrd
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.normalisation import Normalisation
from simcvd.scans.preprocessing import Preprocessing
from simcvd.scans.volume import Volume

Array = np.ndarray[Any, Any]

PREPROCESSING = Preprocessing(
    orientation="LPS",  # as the raw scans are, so that both forms of a scan give the same case
    crop=LabelCrop(margin_vox=(15, 15, None), least_vox=(112, 112, 0)),
)
AS_PUBLIC = PREPROCESSING.model_copy(update={"normalisation": Normalisation(kind="z_score_scan")})
"""What the public files went through."""
SPACING_MM = (0.625, 0.625, 0.625)


def prepare_la(source: Path, target: Path, options: PrepareOptions) -> PrepareReport:
    """Prepare a folder with one folder a case.

    Cases come in the order of `train.list`, in or beside the folder, then by name. If there is a `test.list` and no
    number of test cases is asked for, its cases are the test; without either, all cases are for training.

    Raises:
        UserError: no case there, another `normalize` than `z-score`, or what `prepare` raises.
    """
    if options.normalize not in (None, "z-score"):
        raise UserError(f"--normalize is '{options.normalize}'; for the Left Atrium z-score alone can be asked for.")
    return prepare(_find(Path(source), normalised_again=options.normalize is not None), Path(target), options)


def _find(folder: Path, *, normalised_again: bool) -> ScanFolder:
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; expected one with a folder a case.")
    problems: dict[str, str] = {}
    cases: dict[str, SourceCase] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            try:
                case = _case(path)
            except UserError as error:
                problems[path.name] = str(error).rstrip(".")
            else:
                if case is not None:
                    cases[path.name] = replace(case, normalised_again=case.finished and normalised_again)
    if not cases and not problems:
        raise UserError(
            f"{folder} has no case; expected folders with mri_norm2.h5, or with lgemri.nrrd and laendo.nrrd."
        )
    train, test = _list(folder, "train"), _list(folder, "test")
    tests = tuple(case_id for case_id in test if case_id in cases)
    order = [case_id for case_id in train if case_id in cases and case_id not in tests]
    order += [case_id for case_id in cases if case_id not in {*order, *tests}]
    as_public = any(case.as_it_is for case in cases.values())
    return ScanFolder(
        kind="la",
        folder=folder,
        cases=tuple(cases[case_id] for case_id in (*order, *tests)),
        read_image=_read_image,
        read_label=_read_label,
        classes=("left_atrium",),
        channels=("MR",),
        lists=SplitLists(Splits(test=tests), tuple(order), frozenset({"test"})) if tests else None,
        problems=problems,
        notes=_notes({*train, *test}, cases),
        preset="la",
        preprocessing=AS_PUBLIC if as_public else PREPROCESSING,
        takes=frozenset({"--normalize"}),
        modality=("MR",),
    )


def _case(folder: Path) -> SourceCase | None:
    public, scan, mask = folder / "mri_norm2.h5", folder / "lgemri.nrrd", folder / "laendo.nrrd"
    if public.is_file():
        return SourceCase(folder.name, (public,), public if hdf5_holds(public, "label") else None, finished=True)
    if scan.is_file():
        return SourceCase(folder.name, (scan,), mask if mask.is_file() else None)
    if mask.is_file():
        raise UserError(f"the label {mask} has no image, expected lgemri.nrrd beside it")
    return None


def _read_image(case: SourceCase) -> Volume:
    image = case.images[0]
    return read_hdf5(image, "image", SPACING_MM) if image.suffix == ".h5" else read_nrrd(image)


def _read_label(case: SourceCase) -> Volume:
    assert case.label is not None
    if case.label.suffix == ".h5":
        return read_hdf5(case.label, "label", SPACING_MM)
    volume = read_nrrd(case.label)
    return replace(volume, array=np.where(volume.array == 255, 1, volume.array))


def _list(folder: Path, name: str) -> tuple[str, ...]:
    for place in (folder, folder.parent):
        if (place / f"{name}.list").is_file():
            return read_list(place / f"{name}.list")
    return ()


def _notes(listed: set[str], cases: dict[str, SourceCase]) -> tuple[str, ...]:
    notes = []
    if listed:
        missing, unlisted = len(listed - set(cases)), len(set(cases) - listed)
        if missing:
            notes.append(f"{missing} of the {len(listed)} cases in train.list and test.list are not there.")
        if unlisted:
            notes.append(f"{unlisted} cases are in neither train.list nor test.list and come after the listed ones.")
    bare = sum(case.label is None and not case.finished for case in cases.values())
    if bare:
        notes.append(f"{bare} raw scans have no label to crop around and are kept whole.")
    return tuple(notes)

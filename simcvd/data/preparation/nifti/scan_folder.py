"""NIfTI, NRRD and MetaImage folders: the Decathlon's, nnU-Net's, or `images/` and `labels/`.

Where `dataset.json` names the training cases, its paths and pairs are used and no others. Otherwise names of files
decide: images are in `imagesTr/` (or `images/`), labels of the same name in `labelsTr/` (or `labels/`), their ending
may be another. An image is one file, or, as nnU-Net has it, `NAME_0000`, `NAME_0001`, ..., one a channel. Images
without a label, there or in `imagesUn/`, are unlabelled training cases. Without counts, the last 20 % of the cases
with a label are the test, the 10 % before them for validation, and all others labelled.
"""

from pathlib import Path

from simcvd.data.channels import read_channels
from simcvd.data.preparation.nifti.by_name import UNLABELLED, cases_by_name
from simcvd.data.preparation.nifti.description import Description, read_description
from simcvd.data.preparation.nifti.files import file_problem, image_files
from simcvd.data.preparation.nifti.modality import modality_of
from simcvd.data.preparation.nifti.named import named_cases
from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.data.preparation.splits import SplitLists, shares
from simcvd.errors import UserError
from simcvd.scans.formats import read_scan
from simcvd.scans.volume import Volume


def find_cases(folder: Path, channels: tuple[str, ...] | None = None) -> ScanFolder:
    """Find the cases of a folder; what is wrong with single cases is in `problems`.

    Args:
        folder: the source.
        channels: names of the channels; none takes those of `dataset.json`.

    Raises:
        UserError: no such layout, a `dataset.json` that can't be meant, or a folder that can't be read.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; expected one with images and labels.")
    try:
        return _find(folder, channels)
    except OSError as error:
        raise UserError(f"{error.filename} can't be read ({error.strerror}); mend that and run it again.") from error


def _find(folder: Path, channels: tuple[str, ...] | None) -> ScanFolder:
    described = read_description(folder)
    problems: dict[str, str] = {}
    lists: SplitLists | None = None
    if described.training is None:
        cases, notes = cases_by_name(folder, described, problems)
    else:
        cases, lists, notes = named_cases(folder, described, problems)
    for case in cases:
        clauses = (file_problem(path) for path in (*case.images, case.label) if path is not None)
        clause = next((clause for clause in clauses if clause), None)
        if clause:
            problems.setdefault(case.id, clause)
    return ScanFolder(
        kind="nifti",
        folder=folder,
        cases=tuple(case for case in cases if case.id not in problems),
        read_image=_read_image,
        read_label=_read_label,
        classes=described.classes,
        channels=channels or described.channels,
        default_counts=shares,
        lists=lists,
        problems=problems,
        notes=(*described.notes, *notes, *_count_note(described, cases), *_test_note(folder, cases)),
        modality=modality_of(channels or described.channels or ()),
        ignore=described.ignore,
    )


def _read_image(case: SourceCase) -> Volume:
    return read_channels(case.images)


def _read_label(case: SourceCase) -> Volume:
    assert case.label is not None
    return read_scan(case.label)


def _count_note(described: Description, cases: list[SourceCase]) -> tuple[str, ...]:
    if described.count is None:
        return ()
    named = described.training is not None
    found = len(described.training or ()) or sum(case.images[0].parent.name != UNLABELLED for case in cases)
    if str(described.count) == str(found):
        return ()
    where = f"it names {found}" if named else f"{found} are there"
    return (f"dataset.json says numTraining {described.count}, but {where}.",)


def _test_note(folder: Path, cases: list[SourceCase]) -> tuple[str, ...]:
    used = {path for case in cases for path in case.images}
    unused = [path for path in image_files(folder / "imagesTs") if path not in used]
    if not unused:
        return ()
    if image_files(folder / "labelsTs"):
        return (
            f"{len(unused)} images in imagesTs/ were not read; name them and their labels under 'test' in dataset.json "
            "to have them as test cases.",
        )
    return (f"{len(unused)} images in imagesTs/ have no labels and were not read.",)

"""Read a data set folder: what is in it, and is it sound?"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from simcvd.data.dataset_info import DatasetInfo, ScanFacts
from simcvd.data.drawing import torn_groups
from simcvd.data.inspection.case_facts import CaseFacts, ChannelFacts, Sides, channel_facts, label_facts
from simcvd.data.inspection.finding import Finding
from simcvd.data.inspection.oddities import oddities
from simcvd.data.inspection.report import InspectionReport, class_volumes, scan_range
from simcvd.data.inspection.scan_oddities import by_direction, mixed_orientations
from simcvd.data.store import CaseFile, case_digest, has_label, open_case, open_info, open_labeled
from simcvd.errors import UserError
from simcvd.scans.normalisation import Normalisation
from simcvd.scans.orientation import axis_codes


def inspect(
    folder: Path,
    *,
    verify: bool = True,
    images: bool = True,
    progress: Callable[[int, int, str], None] | None = None,
) -> InspectionReport:
    """Describe a data set folder and check it.

    Only labels of labelled training cases are measured.

    Args:
        folder: the data set folder.
        verify: compute every case's digest anew.
        images: measure every image, which reads all of it.
        progress: called with (cases done, all cases, id of the last).

    Raises:
        UserError: no data set there.
    """
    info = open_info(folder)
    ids = info.splits.all()
    problems: list[str] = [
        f"Case {i} is in two splits; prepare anew." for i in sorted({i for i in ids if ids.count(i) > 1})
    ]
    problems += [
        f"Group {torn.group} is in two splits, case {torn.cases[0]} in {torn.splits[0]} and case {torn.cases[1]} in "
        f"{torn.splits[1]}; prepare anew."
        for torn in torn_groups(info.splits.items(), info.groups, info.with_label)
    ]
    split_of = {case_id: name for name, own in info.splits.items() for case_id in own}
    cases: list[CaseFacts] = []
    for done, case_id in enumerate(ids, 1):
        split = split_of[case_id]
        try:
            _check(folder, info, case_id, labelled=split != "train_unlabeled", verify=verify)
            cases.append(_case_facts(folder, info, case_id, split, images=images))
        except UserError as error:
            problems.append(str(error))
        if progress:
            progress(done, len(ids), case_id)
    classes = class_volumes(cases, info.classes)
    problems += [
        f"No labelled training case holds the class {c.name}, so it can't be learned." for c in classes if not c.cases
    ]
    found = _found(info, cases)
    shapes = scan_range([info.shapes[case_id] for case_id in ids])
    return InspectionReport(
        info=info,
        counts={name: len(split) for name, split in info.splits.items()},
        shape_smallest=_whole(shapes.least),
        shape_median=_whole(shapes.median),
        shape_largest=_whole(shapes.largest),
        classes=classes,
        problems=(*problems, *(finding.text for finding in found if finding.problem)),
        orientations=dict(Counter(case.orientation or "unknown" for case in cases).most_common()),
        scan_spacing_mm=scan_range([by_direction(case.spacing_mm, case.orientation) for case in cases]),
        scan_shape=scan_range([by_direction(case.shape, case.orientation) for case in cases]),
        found=tuple(found),
        cases=tuple(cases),
    )


def located(info: DatasetInfo, case_id: str) -> bool:
    """Tell whether the case's affine says where its voxels are; in HDF5 files of version 0.1 it is made up."""
    if case_id in info.scans:
        return info.scans[case_id].orientation is not None
    return info.normalisation != "as_is"


def _check(folder: Path, info: DatasetInfo, case_id: str, *, labelled: bool, verify: bool) -> None:
    case = open_labeled(folder, case_id) if labelled else open_case(folder, case_id, with_label=False)
    shape = case.image.shape
    if shape[1:] != info.shapes.get(case_id) or len(case.image) != len(info.channels):
        raise UserError(f"Case {case_id} has shape {shape}, which dataset.json does not say; prepare anew.")
    if (case_id in info.with_label) != has_label(folder, case_id):
        raise UserError(f"Case {case_id} and dataset.json disagree on whether it has a label; prepare anew.")
    if verify and case_digest(folder, case_id) != info.digests.get(case_id):
        raise UserError(
            f"Case {case_id} is not what was prepared (its digest differs); delete its file and prepare anew."
        )


def _case_facts(folder: Path, info: DatasetInfo, case_id: str, split: str, *, images: bool) -> CaseFacts:
    measured = split == "train_labeled"
    case = open_labeled(folder, case_id) if measured else open_case(folder, case_id, with_label=False)
    channels = tuple(channel_facts(channel) for channel in case.image) if images else ()
    label = None
    if measured:
        assert case.label is not None
        on = (case.image[0], channels[0]) if channels else None
        label = label_facts(case.label, len(info.classes), case.spacing_mm, on, _scan_ends(case))
    scan = info.scans.get(case_id) or ScanFacts(
        orientation=axis_codes(case.affine) if located(info, case_id) else None,
        spacing_mm=case.spacing_mm,
        shape=case.original_shape,
    )
    return CaseFacts(
        id=case_id,
        orientation=scan.orientation,
        spacing_mm=scan.spacing_mm,
        shape=scan.shape,
        split=split,
        channels=channels if _normalisation(info).any_unit else _in_scanners_unit(channels, case),
        label=label,
    )


def _scan_ends(case: CaseFile) -> Sides:
    """Return on which sides the case ends because its scan does, not because it was cropped."""
    sides = zip(case.crop_start, case.image.shape[1:], case.original_shape, strict=True)
    x, y, z = ((start == 0, start + length >= whole) for start, length, whole in sides)
    return x, y, z


def _normalisation(info: DatasetInfo) -> Normalisation:
    return info.preprocessing.normalisation if info.preprocessing else Normalisation(kind=info.normalisation)


def _in_scanners_unit(channels: tuple[ChannelFacts, ...], case: CaseFile) -> tuple[ChannelFacts, ...]:
    names = ("low", "median", "high", "dark", "smallest")
    return tuple(
        replace(channel, **{name: getattr(channel, name) * std + mean for name in names})
        for channel, mean, std in zip(channels, case.intensity_mean, case.intensity_std, strict=False)
    )


def _found(info: DatasetInfo, cases: list[CaseFacts]) -> list[Finding]:
    turned = info.preprocessing is not None and info.preprocessing.orientation is not None
    found = oddities(cases, info.classes, normalised=_normalisation(info).any_unit)
    return found if turned else [*mixed_orientations(cases), *found]


def _whole(sides: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(int(side) for side in sides)

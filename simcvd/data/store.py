"""The data set folder as the rest of the program sees it: `dataset.json`, case files, and views on its splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from simcvd.config.settings import DataConfig
from simcvd.data.case_file import Array, CaseFile, Grid, case_digest, case_path, has_label, open_case, write_case
from simcvd.data.dataset_info import DatasetInfo, Intensity, ScanFacts, Shape, Splits, open_info, write_info
from simcvd.data.drawing import shuffled
from simcvd.data.training_cases import Labeled, labeled_ids, split_ids, training_cases
from simcvd.errors import UserError
from simcvd.scans.preprocessing import Preprocessing

__all__ = [
    "CaseFile",
    "DatasetInfo",
    "Grid",
    "Intensity",
    "Labeled",
    "Origin",
    "Splits",
    "TrainingView",
    "build_info",
    "case_digest",
    "case_path",
    "has_label",
    "labeled_ids",
    "open_case",
    "open_info",
    "open_labeled",
    "open_split",
    "open_training",
    "shuffled",
    "write_case",
    "write_info",
]

_SAMPLED_VOXELS = 100_000


@dataclass(frozen=True)
class TrainingView:
    """All that training may see; no test case can be reached from it.

    Attributes:
        info: what the data set holds.
        labeled: cases with their labels, which is what they are trained on with.
        unlabeled: training cases opened without labels.
        val: the cases that the trial is validated on, with their labels.
    """

    info: DatasetInfo
    labeled: list[CaseFile]
    unlabeled: list[CaseFile]
    val: list[CaseFile]


def open_training(folder: Path, data: DataConfig = DataConfig()) -> TrainingView:  # noqa: B008 - frozen
    """Open the cases that a trial is trained on and those that it is validated on.

    Args:
        folder: the data set folder.
        data: which they are, see `simcvd.data.training_cases`.

    Raises:
        UserError: fewer training cases have a label than asked for, no whole groups hold so many, or the labelled
            cases can't be divided into so many parts.
    """
    info = open_info(folder)
    cases = training_cases(info, data)
    return TrainingView(
        info=info,
        labeled=[open_labeled(folder, case_id) for case_id in cases.labeled],
        unlabeled=[open_case(folder, case_id, with_label=False) for case_id in cases.unlabeled],
        val=[open_labeled(folder, case_id) for case_id in cases.val],
    )


def open_split(folder: Path, split: str) -> list[CaseFile]:
    """Open the `val` or `test` cases with their labels.

    Raises:
        UserError: another split, or a case without label.
    """
    return [open_labeled(folder, case_id) for case_id in split_ids(open_info(folder), split)]


def open_labeled(folder: Path, case_id: str) -> CaseFile:
    """Open a case that must have a label.

    Raises:
        UserError: missing, truncated or foreign file, or one without label.
    """
    case = open_case(folder, case_id, with_label=True)
    if case.label is None or case.sdm is None:
        raise UserError(f"Case {case_id} in {folder} has no label but needs one; run `simcvd prepare` anew.")
    return case


@dataclass(frozen=True)
class Origin:
    """How a data set came to be.

    Attributes:
        source: where the data came from, for people.
        normalisation: what the images went through.
        label_guided_crop: whether cases were cropped around their label.
        preset: the settings' starting point that goes with this data set.
        preprocessing: what every scan went through; none where there were no scans.
        scans: how each case's file holds its scan.
        ignored: whether labels have voxels that count nowhere.
        groups: which cases belong together, such as all scans of one patient: the group's name by case.
    """

    source: str
    normalisation: Literal["z_score", "as_is"] = "z_score"
    label_guided_crop: bool = False
    preset: str | None = None
    preprocessing: Preprocessing | None = None
    scans: Mapping[str, ScanFacts] = field(default_factory=dict)
    ignored: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)


def build_info(
    folder: Path,
    *,
    name: str,
    channels: Sequence[str],
    classes: Sequence[str],
    splits: Splits,
    train_order: Sequence[str],
    digests: Mapping[str, str],
    origin: Origin,
) -> DatasetInfo:
    """Describe the case files in `folder`; intensity and spacing come from training images alone, no label is read.

    Args:
        folder: the data set folder.
        name: name of the data set.
        channels: names of the image channels.
        classes: names of the foreground classes.
        splits: case ids by use.
        train_order: the training cases in the order of their list.
        digests: what `write_case` returned, by case id.
        origin: how it came to be.
    """
    ids = splits.all()
    spacing = np.median([open_case(folder, case_id, with_label=False).spacing_mm for case_id in train_order], axis=0)
    return DatasetInfo(
        name=name,
        channels=tuple(channels),
        classes=tuple(classes),
        spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        intensity=tuple(_intensity(folder, train_order, channel) for channel in range(len(channels))),
        splits=splits,
        train_order=tuple(train_order),
        with_label=tuple(case_id for case_id in ids if has_label(folder, case_id)),
        source=origin.source,
        digests={case_id: digests[case_id] for case_id in ids},
        shapes={case_id: _shape(folder, case_id) for case_id in ids},
        normalisation=origin.normalisation,
        label_guided_crop=origin.label_guided_crop,
        preset=origin.preset,
        preprocessing=origin.preprocessing,
        scans={case_id: facts for case_id, facts in origin.scans.items() if case_id in digests},
        ignored=origin.ignored,
        groups={case_id: origin.groups[case_id] for case_id in ids if case_id in origin.groups},
    )


def _shape(folder: Path, case_id: str) -> Shape:
    _, x, y, z = open_case(folder, case_id, with_label=False).image.shape
    return x, y, z


def _intensity(folder: Path, ids: Sequence[str], channel: int) -> Intensity:
    count, total, squares = 0, 0.0, 0.0
    sample: list[Array] = []
    for case_id in ids:
        case = open_case(folder, case_id, with_label=False)
        mean, std = case.intensity_mean[channel], case.intensity_std[channel]
        voxels = case.image[channel].reshape(-1)
        case_mean = float(voxels.mean(dtype=np.float64))
        case_std = float(voxels.std(dtype=np.float64))
        raw_mean, raw_std = case_mean * std + mean, case_std * std
        count += voxels.size
        total += voxels.size * raw_mean
        squares += voxels.size * (raw_std**2 + raw_mean**2)
        sample.append(voxels[:: max(1, voxels.size // _SAMPLED_VOXELS)] * std + mean)
    average = total / count
    low, middle, high = np.percentile(np.concatenate(sample), [0.5, 50, 99.5])
    return Intensity(
        mean=average,
        std=max(squares / count - average**2, 0.0) ** 0.5,
        percentile_00_5=float(low),
        percentile_50=float(middle),
        percentile_99_5=float(high),
    )

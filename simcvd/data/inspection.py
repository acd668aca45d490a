"""What is in a data set folder, and is it sound?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.store import case_digest, has_label, open_case, open_info, open_labeled
from simcvd.errors import UserError


@dataclass(frozen=True)
class ClassVolume:
    """One foreground class over the labelled training cases; no other label is looked at."""

    name: str
    cases: int
    mean_ml: float
    mean_voxels: float


@dataclass(frozen=True)
class InspectionReport:
    """What a data set holds.

    Attributes:
        info: its description.
        counts: cases by split.
        shape_smallest: smallest side of any case, by axis.
        shape_median: median side, by axis.
        shape_largest: largest side, by axis.
        classes: over the labelled training cases.
        problems: one sentence each; sound if there is none.
    """

    info: DatasetInfo
    counts: dict[str, int]
    shape_smallest: tuple[int, ...]
    shape_median: tuple[int, ...]
    shape_largest: tuple[int, ...]
    classes: tuple[ClassVolume, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in JSON types."""
        described = {key: value for key, value in asdict(self).items() if key != "info"}
        described = {key: list(value) if isinstance(value, tuple) else value for key, value in described.items()}
        info = self.info.model_dump(mode="json", exclude={"digests"})
        return {**info, "digest": self.info.digest, **described, "class_names": list(self.info.classes)}

    def lines(self) -> list[str]:
        """Return what a person wants to see, line by line."""
        info = self.info
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        ranges = (self.shape_smallest, self.shape_median, self.shape_largest)
        told = [
            f"{info.name} ({info.source}), digest {info.digest[:12]}",
            f"cases      {counts}",
            f"voxels     {' | '.join(' x '.join(map(str, shape)) for shape in ranges)} (smallest | median | largest)",
            f"spacing    {' x '.join(f'{side:.4g}' for side in info.spacing_mm)} mm (median of training)",
        ]
        for name, channel in zip(info.channels, info.intensity, strict=True):
            told.append(
                f"channel    {name}: mean {channel.mean:.4g}, sd {channel.std:.4g}, "
                f"0.5 to 99.5 % {channel.percentile_00_5:.4g} to {channel.percentile_99_5:.4g} (training images)"
            )
        for volume in self.classes:
            told.append(
                f"class      {volume.name}: {volume.mean_ml:.4g} ml, {volume.mean_voxels:.0f} voxels on average, "
                f"in {volume.cases} of {self.counts['train_labeled']} labelled training cases"
            )
        if info.label_guided_crop:
            told.append("crop       around the label of every case, as the benchmark does")
        return [*told, *(f"PROBLEM    {problem}" for problem in self.problems)] + ([] if self.problems else ["sound"])


def inspect(
    folder: Path, *, verify: bool = True, progress: Callable[[int, int, str], None] | None = None
) -> InspectionReport:
    """Describe a data set folder and check it.

    Args:
        folder: the data set folder.
        verify: compute every case's digest anew, which reads all of it.
        progress: called with (cases done, all cases, id of the last).

    Raises:
        UserError: no data set there.
    """
    info = open_info(folder)
    ids = info.splits.all()
    problems: list[str] = [
        f"Case {i} is in two splits; prepare anew." for i in sorted({i for i in ids if ids.count(i) > 1})
    ]
    needs_label = {*info.splits.train_labeled, *info.splits.val, *info.splits.test}
    bad = set()
    for done, case_id in enumerate(ids, 1):
        try:
            _check(folder, info, case_id, labelled=case_id in needs_label, verify=verify)
        except UserError as error:
            problems.append(str(error))
            bad.add(case_id)
        if progress:
            progress(done, len(ids), case_id)
    classes = _class_volumes(folder, info, [i for i in info.splits.train_labeled if i not in bad])
    problems += [
        f"No labelled training case holds the class {c.name}, so it can't be learned." for c in classes if not c.cases
    ]
    shapes = np.array([info.shapes[case_id] for case_id in ids])
    return InspectionReport(
        info=info,
        counts={name: len(split) for name, split in info.splits.items()},
        shape_smallest=tuple(int(side) for side in shapes.min(axis=0)),
        shape_median=tuple(int(side) for side in np.median(shapes, axis=0)),
        shape_largest=tuple(int(side) for side in shapes.max(axis=0)),
        classes=classes,
        problems=tuple(problems),
    )


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


def _class_volumes(folder: Path, info: DatasetInfo, ids: list[str]) -> tuple[ClassVolume, ...]:
    voxels = np.zeros((len(ids), len(info.classes)))
    ml = np.zeros(len(ids))
    for row, case_id in enumerate(ids):
        case = open_labeled(folder, case_id)
        assert case.label is not None
        voxels[row] = np.bincount(case.label.reshape(-1), minlength=256)[1 : len(info.classes) + 1]
        ml[row] = np.prod(case.spacing_mm) / 1000
    return tuple(
        ClassVolume(
            name=name,
            cases=int((voxels[:, index] > 0).sum()),
            mean_ml=float((voxels[:, index] * ml).mean()) if ids else 0.0,
            mean_voxels=float(voxels[:, index].mean()) if ids else 0.0,
        )
        for index, name in enumerate(info.classes)
    )

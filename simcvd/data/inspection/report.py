"""What `simcvd inspect` tells: a data set's fingerprint in lines and in JSON."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.inspection.case_facts import Array, CaseFacts
from simcvd.data.inspection.finding import Finding, times
from simcvd.data.inspection.steps import steps

LABEL_WIDTH = 11
"""Columns before the text of a line."""
_SHOWN = 5
_UNREAD = "no image was read, so intensities, and scans that are there twice, were not looked for"


@dataclass(frozen=True)
class ClassVolume:
    """One foreground class over the labelled training cases; no other label is looked at.

    Attributes:
        name: of the class.
        cases: how many hold it.
        mean_ml: over all of them, 0 where it is missing; as is `mean_voxels`.
        mean_voxels: see there.
        ml: least, median and largest volume of those that hold it, as of all below.
        voxels: see there.
        extent_mm: sides of the box around it.
        components: parts that do not touch each other.
        largest_part: share of the voxels in the largest part.
    """

    name: str
    cases: int
    mean_ml: float
    mean_voxels: float
    ml: tuple[float, ...] = ()
    voxels: tuple[int, ...] = ()
    extent_mm: tuple[tuple[float, ...], ...] = ()
    components: tuple[int, ...] = ()
    largest_part: tuple[float, ...] = ()


@dataclass(frozen=True)
class Range:
    """Three numbers a case, over all cases.

    Attributes:
        least: smallest, by axis.
        median: middle, by axis.
        largest: largest, by axis.
    """

    least: tuple[float, ...]
    median: tuple[float, ...]
    largest: tuple[float, ...]

    def __str__(self) -> str:
        """Return one of equal ones, or all three."""
        if not self.least:
            return "unknown"
        return three(times(sides) for sides in (self.least, self.median, self.largest))


@dataclass(frozen=True)
class InspectionReport:
    """What a data set holds.

    Attributes:
        info: its description.
        counts: cases by split.
        shape_smallest: smallest side of any prepared case, by axis.
        shape_median: median side, by axis.
        shape_largest: largest side, by axis.
        classes: over the labelled training cases.
        problems: one sentence each; sound if there is none.
        orientations: how many files have which; `unknown` where they don't say.
        scan_spacing_mm: voxel sizes in the files, along right-left, front-back, foot-head where that is known.
        scan_shape: voxels in the files, in the same order.
        found: what is odd, problems first.
        cases: what was measured.
    """

    info: DatasetInfo
    counts: dict[str, int]
    shape_smallest: tuple[int, ...]
    shape_median: tuple[int, ...]
    shape_largest: tuple[int, ...]
    classes: tuple[ClassVolume, ...]
    problems: tuple[str, ...]
    orientations: dict[str, int]
    scan_spacing_mm: Range
    scan_shape: Range
    found: tuple[Finding, ...]
    cases: tuple[CaseFacts, ...]

    @property
    def odd(self) -> tuple[Finding, ...]:
        """What may be as it should be, and is better looked at; exit codes don't know it."""
        return tuple(finding for finding in self.found if not finding.problem)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in JSON types, but for what single cases measure."""
        own = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("info", "found", "cases")
        }
        described = {key: asdict(value) if isinstance(value, Range) else value for key, value in own.items()}
        described["classes"] = [asdict(volume) for volume in self.classes]
        described["odd"] = [
            {"kind": finding.kind, "cases": finding.cases, "text": finding.text} for finding in self.odd
        ]
        info = self.info.model_dump(mode="json", exclude={"digests"})
        return {**info, "digest": self.info.digest, **described, "class_names": list(self.info.classes)}

    @property
    def unread(self) -> str:
        """What was not looked for since no image was read, in words; empty if all were."""
        return "" if any(case.channels for case in self.cases) else _UNREAD

    @property
    def prepared_shape(self) -> Range:
        """Voxels on the prepared grid."""
        return Range(self.shape_smallest, self.shape_median, self.shape_largest)

    @property
    def counted(self) -> str:
        """Cases by split, in words."""
        return ", ".join(f"{count} {name}" for name, count in self.counts.items())

    @property
    def grouped(self) -> str:
        """Groups and their sizes, in words; empty where there are none."""
        sizes = sorted(Counter(self.info.groups.values()).values())
        if not sizes:
            return ""
        least, most = sizes[0], sizes[-1]
        cases = f"{most} case{'s' if most > 1 else ''}" if least == most else f"{least} to {most} cases"
        alone = sum(self.counts.values()) - sum(sizes)
        told = f"{len(sizes)} group{'s' if len(sizes) > 1 else ''} of {cases}, each in one split"
        return told + (f"; {alone} cases are in no group" if alone else "")

    @property
    def oriented(self) -> str:
        """Orientations of the files, in words."""
        return ", ".join(f"{codes} ({count})" for codes, count in self.orientations.items())

    def lines(self) -> list[str]:
        """Return what a person wants to see, line by line."""
        info = self.info
        told = [
            ("", f"{info.name} ({info.source}), digest {info.digest[:12]}"),
            ("cases", self.counted),
            *([("", self.grouped)] if self.grouped else []),
            ("in files", f"orientation {self.oriented}"),
            ("", f"spacing in mm {self.scan_spacing_mm}"),
            ("", f"voxels {self.scan_shape}"),
            ("prepared", f"spacing {times(info.spacing_mm)} mm (median of training)"),
            ("", f"voxels {self.prepared_shape}"),
            *(("", step) for step in steps(info)),
            *(("channel", text) for text in self._channels()),
            *self._classes(),
            *([("unread", self.unread)] if self.unread else []),
        ]
        first, *rest = _labelled(told)
        return [first.strip(), *rest, *self.warnings()] + ([] if self.problems else ["sound"])

    def warnings(self) -> list[str]:
        """Return what is odd and what is wrong, line by line."""
        odd = [("ODD", text) for text in shortened(self.odd)]
        return _labelled([*odd, *(("PROBLEM", problem) for problem in self.problems)])

    def _channels(self) -> Iterator[str]:
        for name, channel in zip(self.info.channels, self.info.intensity, strict=True):
            yield (
                f"{name}: mean {channel.mean:.4g}, sd {channel.std:.4g}, 0.5 to 99.5 % {channel.percentile_00_5:.4g} "
                f"to {channel.percentile_99_5:.4g} (training images)"
            )

    def _classes(self) -> Iterator[tuple[str, str]]:
        for volume in self.classes:
            told = (
                f"{volume.name}: {volume.mean_ml:.4g} ml, {volume.mean_voxels:.0f} voxels on average, in "
                f"{volume.cases} of {self.counts['train_labeled']} labelled training cases"
            )
            yield "class", told
            if volume.cases:
                yield "", f"volume in ml {three(f'{ml:.4g}' for ml in volume.ml)}"
                yield "", f"box in mm {three(times(sides) for sides in volume.extent_mm)}"
                yield "", f"parts {three(map(str, volume.components))}"


def _labelled(told: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{label:<{LABEL_WIDTH}}{text}" for label, text in told]


def three(texts: Iterable[str]) -> str:
    """Join least, median and largest; equal ones are told once.

    >>> three(["1", "2", "4"])
    '1 | 2 | 4 (least | median | largest)'
    """
    told = list(texts)
    return told[0] if len(set(told)) == 1 else f"{' | '.join(told)} (least | median | largest)"


def shortened(found: Sequence[Finding]) -> list[str]:
    """Return the sentences, of each kind the first few."""
    counts: Counter[str] = Counter()
    texts = []
    for finding in found:
        counts[finding.kind] += 1
        if counts[finding.kind] <= _SHOWN:
            texts.append(finding.text)
    more = [f"{count - _SHOWN} more of {kind}" for kind, count in counts.items() if count > _SHOWN]
    return [*texts, *([f"{', '.join(more)}; --json and --html tell all."] if more else [])]


def scan_range(rows: Sequence[Sequence[float]]) -> Range:
    """Return least, median and largest of each column; nothing of no rows."""
    if not len(rows):
        return Range((), (), ())
    values = np.array(rows)
    return Range(*(tuple(each.tolist()) for each in (values.min(axis=0), _median(values), values.max(axis=0))))


def class_volumes(cases: Sequence[CaseFacts], names: Sequence[str]) -> tuple[ClassVolume, ...]:
    """Sum up the labels of cases, class by class."""
    labels = [case.label for case in cases if case.label is not None]
    volumes = []
    for index, name in enumerate(names):
        every = [label.classes[index] for label in labels]
        there = [each for each in every if each.voxels]
        volume = ClassVolume(
            name=name,
            cases=len(there),
            mean_ml=float(np.mean([each.ml for each in every])) if every else 0.0,
            mean_voxels=float(np.mean([each.voxels for each in every])) if every else 0.0,
        )
        if there:
            extent = scan_range([each.extent_mm for each in there])
            volume = replace(
                volume,
                ml=_three([each.ml for each in there]),
                voxels=_three([each.voxels for each in there]),
                extent_mm=(extent.least, extent.median, extent.largest),
                components=_three([each.components for each in there]),
                largest_part=_three([each.largest_part for each in there]),
            )
        volumes.append(volume)
    return tuple(volumes)


def _three(values: Sequence[Any]) -> tuple[Any, ...]:
    columns = scan_range([[value] for value in values])
    return columns.least[0], columns.median[0], columns.largest[0]


def _median(values: Array) -> Array:
    """Return the median of each column, of integers the integer below."""
    return np.median(values, axis=0).astype(values.dtype)

"""What a folder of scans offers to a preparation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simcvd.data.preparation.splits import SplitCounts, SplitLists
from simcvd.scans.preprocessing import Preprocessing
from simcvd.scans.volume import Volume


@dataclass(frozen=True)
class SourceCase:
    """Where a case comes from.

    Attributes:
        id: the case's name.
        images: the image's files: one with all channels, one for each channel, or the slices of a series.
        label: the label's file, none where there is no label.
        finished: whether the image is cropped and normalised already.
        normalised_again: whether a finished image is nevertheless brought to mean 0 and deviation 1.
    """

    id: str
    images: tuple[Path, ...]
    label: Path | None
    finished: bool = False
    normalised_again: bool = False

    @property
    def as_it_is(self) -> bool:
        """Whether the image's intensities stay what they are."""
        return self.finished and not self.normalised_again


@dataclass(frozen=True)
class ScanFolder:
    """A folder of scans.

    Attributes:
        kind: `la`, `nifti`, `dicom` or `pancreas`.
        folder: where it is.
        cases: in the order of their list.
        read_image: reads a case's image.
        read_label: reads the label of a case that has one.
        classes: names of the foreground classes; none finds them in the labels of the labelled training cases.
        channels: names of the image channels; none numbers them.
        default_counts: maps how many cases have a label to the split of a person who asks for none.
        lists: the split that the source itself brings, for a person who asks for no other.
        problems: what is wrong with cases that can't even be read, by id.
        notes: what a person should know.
        preset: see `DatasetInfo`.
        preprocessing: what the source itself decides; none chooses it from the data.
        takes: options such as `--normalize` that `preprocessing` follows already.
        modality: kind of each channel, such as `CT` or `MR`; none where nothing says it.
        ignore: value of label voxels that count nowhere; none: there is no such value.
    """

    kind: str
    folder: Path
    cases: tuple[SourceCase, ...]
    read_image: Callable[[SourceCase], Volume]
    read_label: Callable[[SourceCase], Volume]
    classes: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    default_counts: Callable[[int], SplitCounts] = lambda _: SplitCounts()
    lists: SplitLists | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    preset: str | None = None
    preprocessing: Preprocessing | None = None
    takes: frozenset[str] = frozenset()
    modality: tuple[str, ...] | None = None
    ignore: int | None = None

"""`dataset.json`: what a data set folder holds, and the identity that trials take from it."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from simcvd.case_id import id_problem
from simcvd.errors import UserError
from simcvd.files import write_file
from simcvd.scans.preprocessing import Preprocessing

FORMAT_VERSION = 1
FILE_NAME = "dataset.json"
_NOT_DECIDING = {"name", "source", "preset", "intensity", "shapes", "preprocessing", "scans", "ignored"}
"""What is in no trial's identity: names, and what the cases' contents hold already."""

Shape = tuple[int, int, int]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Splits(_Model):
    """Case ids by use; no id is in two of them."""

    train_labeled: tuple[str, ...] = ()
    train_unlabeled: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def items(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return (name, case ids) of the four splits."""
        return [(name, getattr(self, name)) for name in Splits.model_fields]

    def all(self) -> list[str]:
        """Return every case id, split by split."""
        return [case_id for _, ids in self.items() for case_id in ids]


class Intensity(_Model):
    """One channel over all training images, before their normalisation, in the scanner's unit.

    The percentiles come from up to 100,000 evenly spaced voxels a case.
    """

    mean: float
    std: float
    percentile_00_5: float
    percentile_50: float
    percentile_99_5: float


class ScanFacts(_Model):
    """How a case's file holds its scan, before preparation.

    Attributes:
        orientation: where the file's axes point to, e.g. `LPS`; none where the file does not say.
        spacing_mm: voxel size along the file's axes.
        shape: voxels along the file's axes.
    """

    orientation: str | None
    spacing_mm: tuple[float, float, float]
    shape: Shape


class DatasetInfo(_Model):
    """Everything about a data set but its voxels.

    Attributes:
        channels: names of the image channels, in order.
        classes: names of the foreground classes; class ids are 1 to K, 0 is background.
        spacing_mm: median voxel size over the training cases.
        intensity: per channel, over training images only.
        train_order: the training cases in the order of their list; the first `data.labeled` with a label are labelled.
        with_label: cases whose file holds a label, unlabelled training cases among them.
        digests: SHA-256 of each case's content.
        shapes: voxels of each case.
        normalisation: of sets made by version 0.1: of each case's channels over its stored voxels, or the source's own.
        label_guided_crop: whether cases were cropped around their label, as the field's benchmarks do.
        preset: the settings' starting point that goes with this data set.
        preprocessing: what every scan went through; prediction does the same. None: a set made by version 0.1.
        scans: how each case's file holds its scan; empty in sets made by version 0.1.
        ignored: whether labels hold `simcvd.labels.IGNORED`, which no supervised loss and no score looks at.
        groups: name of the group that each case belongs to, such as its patient: no group is in two splits, and it is
            labelled whole. A case that is not named is alone. Written only where there are groups.
    """

    name: str
    format_version: int = FORMAT_VERSION
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    spacing_mm: tuple[float, float, float]
    intensity: tuple[Intensity, ...]
    splits: Splits
    train_order: tuple[str, ...]
    with_label: tuple[str, ...]
    source: str
    digests: dict[str, str]
    shapes: dict[str, Shape]
    normalisation: Literal["z_score", "as_is"] = "z_score"
    label_guided_crop: bool = False
    preset: str | None = None
    preprocessing: Preprocessing | None = None
    scans: dict[str, ScanFacts] = {}
    ignored: bool = False
    groups: dict[str, str] = {}

    @model_serializer(mode="wrap")
    def _without_empty_groups(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the groups out where there are none: such a set has the digest and the file that it always had."""
        content: dict[str, Any] = written(self)
        if not self.groups:
            content.pop("groups", None)
        return content

    @property
    def without_test(self) -> "DatasetInfo":
        """The same without test cases, as what only chooses sees it."""
        return self.model_copy(update={"splits": self.splits.model_copy(update={"test": ()})})

    @property
    def digest(self) -> str:
        """SHA-256 over what can influence a trial: case contents, classes, channels, spacing and splits."""
        deciding = self.model_dump(mode="json", exclude=_NOT_DECIDING)
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def open_info(folder: Path) -> DatasetInfo:
    """Read `dataset.json` of a prepared data set.

    Raises:
        UserError: no such folder, unfinished or foreign, or ids of cases that can't be names of files.
    """
    path = Path(folder) / FILE_NAME
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        if (path.parent / "cases").is_dir():
            raise UserError(
                f"The data set {folder} is not finished; run the same `simcvd prepare` again, it continues."
            ) from error
        raise UserError(f"There is no data set in {folder}: expected a folder made by `simcvd prepare`.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read: {error}.") from error
    try:
        version = json.loads(text).get("format_version")
        if version != FORMAT_VERSION:
            raise UserError(f"{path} has format version {version}, expected {FORMAT_VERSION}; prepare it anew.")
        info = DatasetInfo.model_validate_json(text)
    except (ValueError, AttributeError, ValidationError) as error:
        raise UserError(f"{path} was not written by `simcvd prepare`; expected a prepared data set.") from error
    for case_id in (*info.splits.all(), *info.train_order, *info.digests):
        if problem := id_problem(case_id):
            raise UserError(f"{path} names a case {case_id[:60]!a}, but {problem}.")
    return info


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write `dataset.json` by rename."""
    write_file(Path(folder) / FILE_NAME, json.dumps(info.model_dump(mode="json"), indent=1) + "\n")

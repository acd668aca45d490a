"""A model folder stands alone: one trained network, or several that are asked together, and all that prediction takes.

`model.json` says what it is, with the digest of every other file; `README.md` says it to people, with the commands to
paste; `plan.yaml` is the data set's, where it is known and has one. `members/0/` holds config.yaml, student.safetensors
and environment.json of the first network, `members/1/` of the next.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from simcvd.errors import UserError
from simcvd.scans.preprocessing import Preprocessing

FORMAT_VERSION: Final = 1
MODEL_FILE: Final = "model.json"
_DIGEST: Final = "digest"
_NOT_DECIDING: Final = {"created", "simcvd_version"}
"""What differs between two models of the same content."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingData(_Record):
    """The data set that the networks were trained on.

    Attributes:
        name: `DatasetInfo.name`.
        digest: `DatasetInfo.digest`.
    """

    name: str
    digest: str


class MemberInfo(_Record):
    """One network of a model.

    Attributes:
        trial: name of the trial's folder that it comes from.
        method: the training method.
        seed: of the training.
    """

    trial: str
    method: str
    seed: int


class ModelInfo(_Record):
    """`model.json`.

    Attributes:
        format_version: of the folder.
        name: of the model, for people.
        created: when it was written, ISO 8601, UTC.
        simcvd_version: what wrote it.
        classes: names of the foreground classes 1 to K.
        image_channels: I, channels of an image.
        channels: their names, where the data set is known.
        dataset: none where the writer was not told.
        preprocessing: what every scan of the data set went through; none where nothing says it.
        members: the networks, in the order in which their probabilities are added.
        files: SHA-256 of every other file, by its path in the folder.
    """

    format_version: int = FORMAT_VERSION
    name: str
    created: str
    simcvd_version: str
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    image_channels: Annotated[int, Field(ge=1)]
    channels: tuple[str, ...] | None = None
    dataset: TrainingData | None = None
    preprocessing: Preprocessing | None = None
    members: Annotated[tuple[MemberInfo, ...], Field(min_length=1)]
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over everything but when and by which version it was written: equal for models of one content."""
        return _content_digest(self.model_dump(mode="json"))

    @property
    def member_files(self) -> tuple[str, ...]:
        """What decides a mask: settings and weights of each member, as paths in the folder."""
        numbers = range(len(self.members))
        return tuple(f"{member_path(number)}/{name}" for number in numbers for name in MEMBER_FILES)

    @property
    def masks_from(self) -> list[str]:
        """Digests of what decides a mask: equal for two folders whose masks are equal."""
        return [self.files[name] for name in self.member_files]

    def text(self) -> str:
        """Return the content of `model.json`, which ends with its own digest."""
        return json.dumps(self.model_dump(mode="json") | {_DIGEST: self.digest}, indent=1) + "\n"


MEMBER_FILES: Final = ("config.yaml", "student.safetensors")
"""What a member can't do without."""


def member_path(number: int) -> str:
    """Return a member's folder, by its number from 0, as a path in the model folder."""
    return f"members/{number}"


def is_model(folder: Path) -> bool:
    """Tell whether a folder is a model folder, damaged or not."""
    return (folder / MODEL_FILE).is_file()


def read_model(folder: Path) -> ModelInfo:
    """Read `model.json`.

    Raises:
        UserError: there is none, it is of a later format, damaged or edited.
    """
    path = folder / MODEL_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"There is no model in {folder}: expected a folder made by `simcvd export`.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read: {error}.") from error
    try:
        content: dict[str, Any] = json.loads(text)
        version = content["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(_damaged(folder, f"{MODEL_FILE} was not written by `simcvd export`")) from error
    if version != FORMAT_VERSION:
        raise UserError(f"{path} has format version {version}, expected {FORMAT_VERSION}; use a newer simcvd.")
    if content.pop(_DIGEST, None) != _content_digest(content):
        raise UserError(_damaged(folder, f"{MODEL_FILE} is not as it was written"))
    try:
        info = ModelInfo.model_validate_json(json.dumps(content))
    except ValueError as error:
        raise UserError(_damaged(folder, f"{MODEL_FILE} was not written by `simcvd export`")) from error
    if missing := [name for name in info.member_files if name not in info.files]:
        raise UserError(_damaged(folder, f"{MODEL_FILE} does not name {missing[0]}"))
    return info


def check_files(folder: Path, info: ModelInfo, names: Iterable[str]) -> None:
    """Compare files of a model folder with their digests.

    Args:
        folder: the model folder.
        info: its `model.json`.
        names: of the files, as paths in the folder.

    Raises:
        UserError: one is missing, damaged or edited.
    """
    for name in names:
        try:
            found = file_digest(folder / name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(_damaged(folder, f"{name} is missing")) from error
        if found != info.files[name]:
            raise UserError(_damaged(folder, f"{name} is not as it was written"))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(folder: Path, what: str) -> str:
    return f"The model {folder} is damaged: {what}; copy the folder anew, or export the model again."


def _content_digest(content: dict[str, Any]) -> str:
    deciding = {key: value for key, value in content.items() if key not in _NOT_DECIDING}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()

"""Write finished trials as a model folder."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from simcvd import __version__
from simcvd.config import TrialConfig, trial_id
from simcvd.config.plugins import PLUGINS
from simcvd.data.plan.plan_file import FILE_NAME as PLAN_FILE
from simcvd.data.store import DatasetInfo, open_info
from simcvd.errors import UserError
from simcvd.files import replacing_folder, write_file
from simcvd.inference.model_card import CARD_FILE, model_card
from simcvd.inference.model_folder import (
    MEMBER_FILES,
    MODEL_FILE,
    MemberInfo,
    ModelInfo,
    TrainingData,
    check_files,
    file_digest,
    is_model,
    member_path,
    read_model,
)
from simcvd.inference.weights import WEIGHTS_FILE, Student, load_student

ENVIRONMENT_FILE = "environment.json"
_OWN = {MODEL_FILE, CARD_FILE, PLAN_FILE, "members"}


def write_model(
    folder: Path,
    trials: Sequence[Path],
    *,
    name: str | None = None,
    dataset: Path | None = None,
    extra: Mapping[str, Path | bytes] | None = None,
    replace: bool = False,
) -> ModelInfo:
    """Write a folder that predicts by itself; it appears whole, and weights are copied byte for byte.

    A folder that holds the same model already stays as it is.

    Args:
        folder: where the model appears.
        trials: folders of finished trials, of equal classes, channels and preprocessing; several are asked together.
        name: of the model, for people; none takes the folder's.
        dataset: the prepared data set that all of them were trained on, whose name and plan go in.
        extra: further files, such as a report, by their path in the folder: bytes, or where they lie.
        replace: another model in `folder` gives way; nothing but a model does.

    Returns:
        What `model.json` says.

    Raises:
        UserError: trials that are not finished or do not fit each other or the data set, or `folder` holds another
            model or something else.
        ValueError: a name in `extra` is no path inside the folder, or one of the model's own.
    """
    students = _students(trials)
    info = None if dataset is None else open_info(dataset)
    if info is not None:
        for trial, student in zip(trials, students, strict=True):
            _refuse_other_data(trial, student, dataset, info)
    content = _content(trials, dataset, extra or {})
    configs = [student.config for student in students]
    first = students[0]
    told = ModelInfo(
        name=" ".join((name or folder.resolve().name).split()),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        simcvd_version=__version__,
        classes=first.classes,
        image_channels=first.image_channels,
        channels=None if info is None else info.channels,
        dataset=None if info is None else TrainingData(name=info.name, digest=info.digest),
        preprocessing=first.preprocessing,
        members=tuple(map(_member, trials, configs)),
        files={path: _digest(source) for path, source in content.items()},
    )
    card = model_card(told, configs).encode()
    told = told.model_copy(update={"files": {CARD_FILE: _digest(card), **told.files}})
    there = _model_there(folder, told, replace=replace)
    if there is not None:
        return there
    with replacing_folder(folder) as partial:
        for path, source in {CARD_FILE: card, **content}.items():
            written = source if isinstance(source, bytes) else source.read_bytes()
            if _digest(written) != told.files[path]:
                raise UserError(f"What becomes {path} changed while it was copied; give the same command again.")
            write_file(partial / path, written)
        write_file(partial / MODEL_FILE, told.text())
    return told


def _students(trials: Sequence[Path]) -> list[Student]:
    """Load every trial's student, so that none is unfinished, damaged or of another kind.

    Raises:
        UserError: one is, or none is given, or one twice.
    """
    if not trials:
        raise UserError("No trial was given; expected one or more folders of finished trials.")
    students: list[Student] = []
    by_weights: dict[str, Path] = {}
    for trial in trials:
        student = load_student(trial)
        other = by_weights.setdefault(file_digest(trial / WEIGHTS_FILE), trial)
        if other is not trial:
            raise UserError(f"The trials {other} and {trial} have the same weights; give each network once.")
        if students and (difference := _difference(students[0], student)):
            raise UserError(
                f"The trials {trials[0]} and {trial} can't be one model: {difference}; give trials of one data set."
            )
        student.network.to("meta")  # its weights are not needed any more
        students.append(student)
    return students


def _difference(one: Student, other: Student) -> str | None:
    if one.image_channels != other.image_channels:
        return f"they take {one.image_channels} and {other.image_channels} channels"
    if one.classes != other.classes:
        return f"their classes are {', '.join(one.classes)} and {', '.join(other.classes)}"
    if one.preprocessing != other.preprocessing:
        return "their scans were prepared with other voxels or intensities"
    return None


def _refuse_other_data(trial: Path, student: Student, dataset: Path | None, info: DatasetInfo) -> None:
    """Refuse a data set that a trial was not trained on, as far as the trial's folder tells.

    Raises:
        UserError: it has other classes, channels or preprocessing, or the trial's name is of another data set.
    """
    fits = (student.image_channels, student.classes) == (len(info.channels), info.classes)
    own_name = trial.resolve().name
    named = re.fullmatch(rf"{re.escape(student.config.method)}-s{student.config.seed}-[0-9a-f]{{12}}", own_name)
    other_name = named is not None and own_name != trial_id(student.config, info.digest)
    if not fits or student.preprocessing != info.preprocessing or other_name:
        raise UserError(
            f"The trial {trial} was not trained on {dataset} as it is now; give the data set that it was trained on, "
            "or leave --dataset out."
        )


def _content(
    trials: Sequence[Path], dataset: Path | None, extra: Mapping[str, Path | bytes]
) -> dict[str, Path | bytes]:
    """Return the files beside `model.json` and the card, by their path in the folder."""
    content: dict[str, Path | bytes] = {}
    if dataset is not None and (dataset / PLAN_FILE).is_file():
        content[PLAN_FILE] = dataset / PLAN_FILE
    for number, trial in enumerate(trials):
        for file in (*MEMBER_FILES, ENVIRONMENT_FILE):
            if file in MEMBER_FILES or (trial / file).is_file():
                content[f"{member_path(number)}/{file}"] = trial / file
        content |= {f"{member_path(number)}/{PLUGINS}/{file.name}": file for file in (trial / PLUGINS).glob("*.py")}
    for path, source in extra.items():
        parts = PurePosixPath(path).parts
        if not parts or path != "/".join(parts) or parts[0] in _OWN | {"/"} or ".." in parts or "\\" in path:
            raise ValueError(f"'{path}' can't be a further file of a model")
        content[path] = source
    return content


def _member(trial: Path, config: TrialConfig) -> MemberInfo:
    return MemberInfo(trial=trial.resolve().name, method=config.method, seed=config.seed)


def _model_there(folder: Path, told: ModelInfo, *, replace: bool) -> ModelInfo | None:
    """Return the model in `folder` if it is the same; none where there is no model or it gives way.

    Raises:
        UserError: the folder holds another model that must not give way, or other files.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not is_model(folder):
        raise UserError(f"{folder} is there and is no model; choose another folder.")
    try:
        found = read_model(folder)
    except UserError as error:
        raise UserError(f"{folder} holds a damaged model; delete it, or choose another folder.") from error
    if found.digest == told.digest and _is_whole(folder, found):
        return found
    if not replace:
        raise UserError(f"{folder} holds another model, or this one changed; choose another folder, or give --replace.")
    own = {folder / path for path in (MODEL_FILE, *found.files)}
    others = [path for path in sorted(folder.rglob("*")) if path not in own and not path.is_dir()]
    if others:
        raise UserError(f"{others[0]} is no file of the model that would be replaced; move it away.")
    return None


def _is_whole(folder: Path, info: ModelInfo) -> bool:
    try:
        check_files(folder, info, info.files)
    except UserError:
        return False
    return True


def _digest(source: Path | bytes) -> str:
    return hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else file_digest(source)

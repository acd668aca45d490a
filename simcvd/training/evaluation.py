"""What a finished trial or a model says: scores of cases, the only reader of test cases, and masks of images."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import torch

from simcvd.config import TrialConfig, from_file
from simcvd.data.store import open_info, open_labeled
from simcvd.data.training_cases import unseen_ids
from simcvd.errors import UserError
from simcvd.inference.ensemble import Member, load_students
from simcvd.inference.evaluate import CaseScores, OnCase, evaluate_ensemble
from simcvd.inference.mask_options import MaskOptions
from simcvd.inference.model_folder import is_model, member_path, read_model
from simcvd.inference.predict import Predicted, predict_files
from simcvd.inference.weights import Student
from simcvd.training.environment import choose_device
from simcvd.training.precision import Precision, choose_precision, confirmed_precision


def evaluate_trial(
    trial_dir: Path,
    dataset: Path,
    split: str,
    *,
    device: str = "auto",
    precision: str | None = None,
    on_case: OnCase | None = None,
    only: Collection[str] | None = None,
) -> list[CaseScores]:
    """Score a finished trial's student, or the members of a model together, on the `val` or `test` cases.

    Args:
        trial_dir: the trial's folder, or a model folder.
        dataset: data set folder.
        split: `val` or `test`; of `val` those that the trial is validated on (`simcvd.data.training_cases.unseen_ids`).
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: what `training.precision=auto` is resolved to by who runs many trials; none asks the device.
        on_case: gets the id and mask of each case.
        only: ids of the cases to score, in the order of the split; none scores all.

    Raises:
        UserError: the trial is not finished, the model damaged, or the data set has other channels or classes.
    """
    place = choose_device(device)
    students = load_students(trial_dir)
    student = students[0]
    info = open_info(dataset)
    if (len(info.channels), tuple(info.classes)) != (student.image_channels, student.classes):
        raise UserError(
            f"{trial_dir} was trained on {student.image_channels} channels and the classes "
            f"{', '.join(student.classes)}, but {dataset} has {len(info.channels)} and {', '.join(info.classes)}."
        )
    if None not in (student.preprocessing, info.preprocessing) and student.preprocessing != info.preprocessing:
        raise UserError(
            f"The scans of {dataset} were prepared with other voxels or intensities than those that {trial_dir} was "
            "trained on; prepare them with --like and the data set that it was trained on."
        )
    ids = unseen_ids(info, split, _trials_of(trial_dir))
    cases = [open_labeled(dataset, case_id) for case_id in ids if only is None or case_id in only]
    members = [
        Member(one.network.to(place), one.config, _arithmetic(one, place, precision).autocast) for one in students
    ]
    return evaluate_ensemble(members, cases, info.classes, place, on_case=on_case)


def count_cases(trial_dir: Path, dataset: Path, split: str) -> int:
    """Return how many cases `evaluate_trial` scores.

    Raises:
        UserError: no data set, another split, or settings that can't be read.
    """
    return len(unseen_ids(open_info(dataset), split, _trials_of(trial_dir)))


def predict_images(
    folder: Path,
    images: Sequence[Path],
    out: Path,
    *,
    device: str = "auto",
    options: MaskOptions = MaskOptions(),  # noqa: B008 - frozen
    on_image: Callable[[Predicted, int], None] | None = None,
) -> list[Predicted]:
    """Segment image files with a finished trial or a model; see `simcvd.inference.predict.predict_files`."""
    place = choose_device(device)
    return predict_files(
        folder,
        images,
        out,
        place,
        lambda student: _arithmetic(student, place).autocast,
        options=options,
        on_image=on_image,
    )


def _trials_of(folder: Path) -> list[tuple[str, TrialConfig]]:
    """Return name and settings of the trials whose networks a folder holds; none where it is no trial and no model."""
    if is_model(folder):
        members = enumerate(read_model(folder).members)
        found = [(member.trial, folder / member_path(number)) for number, member in members]
    else:
        found = [(folder.resolve().name, folder)]
    settings = [(name, place / "config.yaml") for name, place in found]
    return [(name, from_file(path)) for name, path in settings if path.is_file()]


def _arithmetic(student: Student, device: torch.device, resolved: str | None = None) -> Precision:
    chosen = choose_precision(student.config.training.precision, device, resolved=resolved)
    classes = len(student.classes) + 1
    return confirmed_precision(chosen, student.config, student.image_channels, classes, device, trains=False)

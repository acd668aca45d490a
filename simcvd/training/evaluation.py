"""What a finished trial's student says: scores of cases, the only reader of test cases, and masks of images."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import torch

from simcvd.config import from_file
from simcvd.data.store import open_info, open_labeled
from simcvd.data.training_cases import unseen_ids
from simcvd.errors import UserError
from simcvd.inference.evaluate import CaseScores, OnCase, evaluate_cases
from simcvd.inference.mask_options import MaskOptions
from simcvd.inference.predict import Predicted, predict_files
from simcvd.inference.weights import Student, load_student
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
    """Score a finished trial's student on the `val` or `test` cases.

    Args:
        trial_dir: the trial's folder.
        dataset: data set folder.
        split: `val` or `test`; of `val` those that the trial is validated on (`simcvd.data.training_cases.unseen_ids`).
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: what `training.precision=auto` is resolved to by who runs many trials; none asks the device.
        on_case: gets the id and mask of each case.
        only: ids of the cases to score, in the order of the split; none scores all.

    Raises:
        UserError: the trial is not finished, or the data set has other channels or classes.
    """
    place = choose_device(device)
    student = load_student(trial_dir)
    info = open_info(dataset)
    if (len(info.channels), tuple(info.classes)) != (student.image_channels, student.classes):
        raise UserError(
            f"The trial {trial_dir} was trained on {student.image_channels} channels and the classes "
            f"{', '.join(student.classes)}, but {dataset} has {len(info.channels)} and {', '.join(info.classes)}."
        )
    if None not in (student.preprocessing, info.preprocessing) and student.preprocessing != info.preprocessing:
        raise UserError(
            f"The scans of {dataset} were prepared with other voxels or intensities than those that the trial "
            f"{trial_dir} was trained on; prepare them with --like and the trial's data set."
        )
    arithmetic = _arithmetic(student, place, precision)
    ids = unseen_ids(info, split, [(trial_dir.resolve().name, student.config)])
    cases = [open_labeled(dataset, case_id) for case_id in ids if only is None or case_id in only]
    network = student.network.to(place)
    return evaluate_cases(network, cases, student.config, info.classes, place, arithmetic.autocast, on_case=on_case)


def count_cases(trial_dir: Path, dataset: Path, split: str) -> int:
    """Return how many cases `evaluate_trial` scores.

    Raises:
        UserError: no data set, another split, or settings that can't be read.
    """
    settings = trial_dir / "config.yaml"
    trials = [(trial_dir.resolve().name, from_file(settings))] if settings.is_file() else []
    return len(unseen_ids(open_info(dataset), split, trials))


def predict_images(
    trial_dir: Path,
    images: Sequence[Path],
    out: Path,
    *,
    device: str = "auto",
    options: MaskOptions = MaskOptions(),  # noqa: B008 - frozen
    on_image: Callable[[Predicted, int], None] | None = None,
) -> list[Predicted]:
    """Segment image files with a finished trial's student; see `simcvd.inference.predict.predict_files`."""
    place = choose_device(device)
    return predict_files(
        trial_dir,
        images,
        out,
        place,
        lambda student: _arithmetic(student, place).autocast,
        options=options,
        on_image=on_image,
    )


def _arithmetic(student: Student, device: torch.device, resolved: str | None = None) -> Precision:
    chosen = choose_precision(student.config.training.precision, device, resolved=resolved)
    return confirmed_precision(chosen, student.config, student.image_channels, len(student.classes) + 1, device)

"""The scores of a finished trial: the only reader of test cases."""

from pathlib import Path

from simcvd.data.store import open_info, open_split
from simcvd.errors import UserError
from simcvd.inference.evaluate import CaseScores, OnCase, evaluate_cases
from simcvd.inference.weights import load_student
from simcvd.training.environment import choose_device
from simcvd.training.precision import choose_precision


def evaluate_trial(
    trial_dir: Path,
    dataset: Path,
    split: str,
    *,
    device: str = "auto",
    on_case: OnCase | None = None,
) -> list[CaseScores]:
    """Score a finished trial's student on the `val` or `test` cases; `on_case` gets the id and mask of each.

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
    precision = choose_precision(student.config.training.precision, place)
    cases = open_split(dataset, split)
    network = student.network.to(place)
    return evaluate_cases(network, cases, student.config, info.classes, place, precision.autocast, on_case=on_case)

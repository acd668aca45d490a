"""Networks that are asked together: class probabilities, averaged voxel by voxel over all of them.

A trial is an ensemble of one, and its numbers are those of its network alone, to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from simcvd.inference.model_folder import check_files, is_model, member_path, read_model
from simcvd.inference.sliding_window import Autocast, Image, mean_probabilities, window_sums
from simcvd.inference.weights import WEIGHTS_FILE, Student, load_student


@dataclass(frozen=True)
class Member:
    """One network and how it goes over a volume.

    Attributes:
        network: maps `[B, I, *crop]` to logits `[B, C, *crop]`.
        config: its own window, stride and windows a batch.
        precision: makes the context in which it runs.
    """

    network: nn.Module
    config: TrialConfig
    precision: Autocast


def probability_sums(
    members: Sequence[Member], image: Image, device: torch.device, *, least_overlap: bool = False
) -> Tensor:
    """Return each class's probability up to a factor that all classes of a voxel share, `[C, X, Y, Z]`.

    Of one network the sums over its windows; of several the sum over networks, `sum_m p_m`, where `p_m` is the mean
    over the windows of network m. Divided by their sum over classes (`mean_probabilities`), both are probabilities.
    Of the members' volumes, the running sum and one more are held at a time.

    Args:
        members: on `device`, in eval mode; of equal channels and classes.
        image: `[I, X, Y, Z]`, normalised.
        device: where to compute; the sums stay there, in float32.
        least_overlap: windows overlap by half a window at most, whatever the strides.
    """
    total: Tensor | None = None
    for member in members:
        crop, stride = member.config.data.crop_vox, member.config.inference.stride_vox
        if least_overlap:
            x, y, z = (max(own, side // 2) for own, side in zip(stride, crop, strict=True))
            stride = (x, y, z)
        sums = window_sums(
            member.network,
            image,
            crop,
            stride,
            device=device,
            batch_windows=member.config.inference.batch_windows,
            precision=member.precision,
        )
        if len(members) == 1:
            return sums
        mean = mean_probabilities(sums)
        total = mean if total is None else total.add_(mean)
        del sums, mean
    assert total is not None
    return total


def load_students(folder: Path) -> tuple[Student, ...]:
    """Rebuild the student of a finished trial, or all members of a model folder, in their order.

    Raises:
        UserError: neither of them, not finished, damaged or edited.
    """
    if not is_model(folder):
        return (load_student(folder),)
    info = read_model(folder)
    check_files(folder, info, info.member_files)
    students = tuple(load_student(folder / member_path(number)) for number in range(len(info.members)))
    if any(student.works_on != (info.image_channels, info.classes, info.preprocessing) for student in students):
        raise UserError(f"The model {folder} has members of other classes, channels or preprocessing than it says.")
    return students


def masks_from(folder: Path) -> list[str | int]:
    """Return what decides the masks of a trial or model, beside images and options.

    A trial's weights are known by place, size and time, a model's by the digests of all members, wherever it lies.
    """
    if is_model(folder):
        return ["model", *read_model(folder).masks_from]
    weights = (folder / WEIGHTS_FILE).stat()
    return [str(folder.resolve()), weights.st_size, weights.st_mtime_ns]

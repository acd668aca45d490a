"""One worker's share of a step's crops."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One worker's share of a step's crops, on the training device.

    Attributes:
        image_labeled: float32 `[L, I, X, Y, Z]`, I input channels.
        label: int64 `[L, X, Y, Z]`, 0 is background, and what voxels hold that are not counted.
        sdm: float32 `[L, K, X, Y, Z]`, one signed distance map per foreground class.
        image_unlabeled: float32 `[U, I, X, Y, Z]`, or none where the method asks for none.
        depth_labeled: float32 `[L, 2]`, where each labelled crop begins and ends along Z, in parts of its case: 0 is
            the first slice's lower side, 1 the last one's upper; beyond them where the crop is padded.
        depth_unlabeled: the same of the unlabelled crops, `[U, 2]`, or none without them.
        counted: the voxels whose label is known, boolean `[L, X, Y, Z]`: what is asked of the labelled crops is asked
            there alone. None where the data set leaves no voxel open, on all workers alike.
    """

    image_labeled: Tensor
    label: Tensor
    sdm: Tensor
    image_unlabeled: Tensor | None
    depth_labeled: Tensor
    depth_unlabeled: Tensor | None
    counted: Tensor | None = None


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return `tensor` on `device`, without making the host wait: what a GPU is to fetch by itself must be pinned."""
    if tensor.device == device:
        return tensor
    if device.type == "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)

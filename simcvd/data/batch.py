"""One worker's share of a step's crops."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One worker's share of a step's crops, on the training device.

    Attributes:
        image_labeled: float32 `[L, I, X, Y, Z]`, I input channels.
        label: int64 `[L, X, Y, Z]`, 0 is background.
        sdm: float32 `[L, K, X, Y, Z]`, one signed distance map per foreground class.
        image_unlabeled: float32 `[U, I, X, Y, Z]`, or none where the method asks for none.
    """

    image_labeled: Tensor
    label: Tensor
    sdm: Tensor
    image_unlabeled: Tensor | None

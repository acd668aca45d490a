"""Labels of which each class keeps its largest connected piece alone."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CORNERS = np.ones((3, 3, 3))


def largest_pieces(labels: Tensor) -> Tensor:
    """Return labels `[B, X, Y, Z]`, on the CPU, with each crop's and class's largest piece alone, the rest background.

    Voxels that share a corner are connected. The host waits for the labels of another device.

    >>> largest_pieces(torch.tensor([[[[1, 1, 0, 1]]]])).tolist()
    [[[[1, 1, 0, 0]]]]
    """
    return torch.from_numpy(np.stack([keep_largest(own) for own in labels.cpu().numpy()]))


def keep_largest(mask: NDArray[Any]) -> NDArray[Any]:
    """Return the mask with each class's largest piece alone; voxels that share a corner are connected.

    >>> keep_largest(np.array([[[1, 1, 0, 1]]], np.uint8)).tolist()
    [[[1, 1, 0, 0]]]

    Args:
        mask: class ids `[X, Y, Z]`.
    """
    from scipy import ndimage

    kept = np.zeros_like(mask)
    for value in np.unique(mask[mask > 0]):
        pieces, count = ndimage.label(mask == value, structure=_CORNERS)
        largest = 1 if count == 1 else 1 + int(np.bincount(pieces.reshape(-1))[1:].argmax())
        kept[pieces == largest] = value
    return kept

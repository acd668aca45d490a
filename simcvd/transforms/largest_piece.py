"""Labels of which each class keeps its largest connected piece alone."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

_CORNERS = np.ones((3, 3, 3))


def largest_pieces(labels: Tensor) -> Tensor:
    """Return labels `[B, X, Y, Z]`, on the CPU, with each crop's and class's largest piece alone, the rest background.

    Voxels that share a corner are connected. The host waits for the labels of another device.

    >>> largest_pieces(torch.tensor([[[[1, 1, 0, 1]]]])).tolist()
    [[[[1, 1, 0, 0]]]]
    """
    on_host = labels.cpu().numpy()
    kept = np.zeros_like(on_host)
    for own, found in zip(on_host, kept, strict=True):
        for value in np.unique(own[own > 0]):
            pieces, _ = ndimage.label(own == value, structure=_CORNERS)
            largest = 1 + int(np.bincount(pieces.reshape(-1))[1:].argmax())
            found[pieces == largest] = value
    return torch.from_numpy(kept)

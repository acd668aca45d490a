"""Agreement of the class head with the signed distance map.

Luo et al., AAAI 2021, arXiv 2009.04448.
"""

import torch
from torch import Tensor
from torch.nn import functional


def smooth_step(sdm: Tensor, steepness: float) -> Tensor:
    """Turn signed distances, negative inside, into probabilities of being inside.

    `1 / (1 + exp(k d))`

    It saturates: in float32 it is exactly 1, without gradient, a little below `k d = -16`, and vanishes far above 0;
    value and gradient are finite for every d.

    Args:
        sdm: d, any shape, in [-1, 1].
        steepness: k.

    Returns:
        Values in [0, 1], the same shape; 0.5 where d is 0.
    """
    return torch.sigmoid(-steepness * sdm)


def dual_task_consistency(probs: Tensor, sdm: Tensor, steepness: float) -> Tensor:
    """Return the mean squared difference of the foreground probabilities and the smooth steps of the SDM.

    `mean_{b,k,v} (p_bkv - 1 / (1 + exp(k d_bkv)))^2`

    Gap: the paper has one foreground class; here each class's map is compared with its own probability.

    Args:
        probs: p, `[B, C, X, Y, Z]`, the background first, which is left out.
        sdm: d, `[B, K, X, Y, Z]` in [-1, 1].
        steepness: k of the smooth step.

    Returns:
        A float32 scalar in [0, 1], without unit; 0 where both heads agree.

    Detached:
        Nothing: both heads move. The class head's gradient is up to 2 a voxel, everywhere; the SDM head's up to
        8 k / 27, but only near its own zero level, where the step is not flat (about |k d| < 16).

    Raises:
        ValueError: the maps are not as many as the foreground classes, or not of their size.
    """
    foreground = probs[:, 1:].float()
    if foreground.shape != sdm.shape:
        shapes = f"{tuple(sdm.shape)} and {tuple(foreground.shape)}"
        raise ValueError(f"SDM and foreground probabilities are {shapes}; expected the same shape")
    return functional.mse_loss(foreground, smooth_step(sdm.float(), steepness))

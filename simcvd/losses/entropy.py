"""How undecided predictions are: entropy as a loss, and as the measure of a teacher's uncertainty."""

import math

import torch
from torch import Tensor


def mean_entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy of the predictions, in parts of the largest.

    Vu et al. 2019, sec. 3.1: `-1 / ln C mean_{b,v} sum_c p_c ln p_c` with `p = softmax(logits)`.

    Args:
        logits: before softmax, `[B, C, X, Y, Z]`; from logits, since the gradient through vanished probabilities is
            no number.

    Returns:
        A scalar in [0, 1], in parts of ln C; 1 for equal logits.
    """
    log_probs = logits.log_softmax(1)
    return -(log_probs.exp() * log_probs).sum(1).mean() / math.log(logits.shape[1])


def predictive_entropy(probs: Tensor) -> Tensor:
    """Return each voxel's uncertainty over several passes: the entropy of their mean, in parts of the largest.

    Yu et al. 2019, sec. 2.2: `u_v = -1 / ln C sum_c mu_c ln mu_c` with `mu = 1 / T sum_t p^t`.

    Args:
        probs: p^t, `[T, B, C, X, Y, Z]`.

    Returns:
        `[B, X, Y, Z]` in [0, 1], in parts of ln C; 0 where all passes are sure of one class, 1 where their mean favours
        none.
    """
    entropy: Tensor = torch.special.entr(probs.mean(0)).sum(1)
    return entropy / math.log(probs.shape[2])

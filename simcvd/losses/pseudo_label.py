"""Hard labels made of predictions, and how sure they are."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class PseudoLabel(NamedTuple):
    """What takes the place of a label.

    Attributes:
        label: int64 `[B, X, Y, Z]`.
        confidence: `[B, X, Y, Z]`, the probability of that label.
    """

    label: Tensor
    confidence: Tensor


def pseudo_label(probs: Tensor) -> PseudoLabel:
    """Return each voxel's most probable class and its probability, `max_c p_c`; detached.

    Args:
        probs: p, `[B, C, X, Y, Z]`.
    """
    confidence, label = probs.detach().max(1)
    return PseudoLabel(label, confidence)


def entropy_ensemble(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean of two teachers' predictions, the surer one counting more; detached.

    Zhao et al. 2024 (CCM): `p = w p^1 + (1 - w) p^2` with `w = e^(-H_1) / (e^(-H_1) + e^(-H_2))` and the entropy of
    each voxel, `H_t = -sum_c p^t_c log_2 p^t_c`.

    Args:
        first: p^1, `[B, C, X, Y, Z]`.
        second: p^2, the same shape.

    Returns:
        Probabilities of the same shape; those of both teachers where they are equal.
    """
    bits = [torch.special.entr(probs.detach()).sum(1, keepdim=True) / math.log(2) for probs in (first, second)]
    weight = torch.sigmoid(bits[1] - bits[0])
    return weight * first.detach() + (1 - weight) * second.detach()


def surer_where(given: PseudoLabel, other: PseudoLabel, doubtful: Tensor) -> PseudoLabel:
    """Return the given labels, and the other ones in doubtful voxels where these differ and are surer.

    Args:
        given: what counts elsewhere.
        other: what may take its place.
        doubtful: boolean `[B, X, Y, Z]`.
    """
    taken = doubtful & (other.label != given.label) & (other.confidence > given.confidence)
    return PseudoLabel(
        torch.where(taken, other.label, given.label), torch.where(taken, other.confidence, given.confidence)
    )

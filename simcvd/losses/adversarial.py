"""What a discriminator of labelled and unlabelled crops learns, and what the segmenting network does against it.

Zhang et al., MICCAI 2017, doi 10.1007/978-3-319-66179-7_47; Li, Zhang, He, MICCAI 2020, arXiv 2007.10732.
"""

import torch
from torch import Tensor
from torch.nn import functional

UNLABELED, LABELED = 0, 1
"""The discriminator's two classes, in the order of its logits."""


def adversarial(unlabeled: Tensor) -> Tensor:
    """Return what the segmenting network minimises: its unlabelled crops shall be taken for labelled ones.

    `-mean_u log softmax(z_u)[labelled]`

    Args:
        unlabeled: z_u, the discriminator's logits of the unlabelled crops, `[U, 2]`.

    Returns:
        A float32 scalar from 0, in nats; ln 2 where the discriminator can't tell.

    Detached:
        Nothing; the caller keeps the gradient from the discriminator's parameters.
    """
    return _cross_entropy(unlabeled, LABELED).mean()


def discrimination(labeled: Tensor, unlabeled: Tensor) -> Tensor:
    """Return what the discriminator minimises: the cross-entropy of telling labelled from unlabelled crops.

    `-(sum_l log softmax(z_l)[labelled] + sum_u log softmax(z_u)[unlabelled]) / (L + U)`

    Args:
        labeled: z_l, its logits of the labelled crops, `[L, 2]`.
        unlabeled: z_u, its logits of the unlabelled crops, `[U, 2]`.

    Returns:
        A float32 scalar from 0, in nats; ln 2 where it can't tell.

    Detached:
        Nothing; the caller keeps the gradient from the segmenting network.
    """
    return torch.cat((_cross_entropy(labeled, LABELED), _cross_entropy(unlabeled, UNLABELED))).mean()


def accuracy(labeled: Tensor, unlabeled: Tensor) -> tuple[Tensor, Tensor]:
    """Return the fractions of the labelled and of the unlabelled crops that the discriminator gets right, detached.

    Args:
        labeled: its logits of the labelled crops, `[L, 2]`.
        unlabeled: its logits of the unlabelled crops, `[U, 2]`.
    """
    right = [labeled.argmax(1) == LABELED, unlabeled.argmax(1) == UNLABELED]
    return right[0].float().mean(), right[1].float().mean()


def _cross_entropy(logits: Tensor, target: int) -> Tensor:
    targets = torch.full((len(logits),), target, device=logits.device)
    return functional.cross_entropy(logits.float(), targets, reduction="none")

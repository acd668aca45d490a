"""Local contrast of decoder features: regions of one image told apart.

Chaitanya, Erdil, Karani, Konukoglu, NeurIPS 2020, arXiv 2006.10511, sec. 3.2.
"""

import torch
from torch import Tensor
from torch.nn import functional

from simcvd.losses.contrast import SMALLEST_NORM


def local_contrast(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the contrast between regions of two views of some images, the paper's strategy L^R.

    Mean over images, regions u and both directions of
    `l(u) = -log exp(cos(f_u, f'_u) / tau) / (exp(cos(f_u, f'_u) / tau) + sum_{n in N_u} exp(cos(f_u, n) / tau))`.

    N_u: all other regions of the same image, of both views. Regions of other images play no part.

    Args:
        first: f, `[B, A, F]`, A regions of each image in one view.
        second: f', the same places in the other view.
        temperature: tau.

    Returns:
        A float32 scalar from 0, also under autocast, in nats; ln(2A - 1) where all regions are alike.

    Detached:
        Nothing: both views are trained.

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"regions of the two views are {shapes}; expected the same shape")
    images, regions, _ = first.shape
    with torch.autocast(first.device.type, enabled=False):
        rows = functional.normalize(torch.cat((first, second), 1).float(), dim=2, eps=SMALLEST_NORM)
        itself = torch.eye(2 * regions, dtype=torch.bool, device=first.device)
        similarities = (rows @ rows.mT / temperature).masked_fill(itself, -torch.inf)  # [B, 2A, 2A]
        other_view = torch.arange(2 * regions, device=first.device).roll(regions).repeat(images)
        return functional.cross_entropy(similarities.flatten(0, 1), other_view)

"""Global contrast of encoder features, with positives from the place of a slice in its volume.

Chaitanya, Erdil, Karani, Konukoglu, NeurIPS 2020, arXiv 2006.10511, sec. 3 and 3.1.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from simcvd.losses.contrast import SMALLEST_NORM


def partitions_of(depth: Tensor, slices: int, partitions: int) -> Tensor:
    """Return which of a volume's `partitions` equal parts along Z the centre of each slice of a crop falls into.

    Gaps: a slice is one of the bottleneck map, the paper's one of the image; a centre in the padding of a crop belongs
    to the nearest part.

    Args:
        depth: `[B, 2]`, where each crop begins and ends along Z, in parts of its volume.
        slices: Z, slices of the feature map that each crop became.
        partitions: S.

    Returns:
        int64 `[B, Z]`, from 0 to S - 1.

    >>> partitions_of(torch.tensor([[0.0, 1.0], [0.5, 1.5]]), slices=4, partitions=4)
    tensor([[0, 1, 2, 3],
            [2, 3, 3, 3]])
    """
    start, end = depth[:, :1], depth[:, 1:]
    centre = (torch.arange(slices, device=depth.device) + 0.5) / slices
    part = torch.floor(partitions * (start + centre * (end - start)))
    return part.long().clamp(0, partitions - 1)


def position_contrast(
    first: Tensor,
    second: Tensor,
    partition: Tensor,
    temperature: float,
    gather: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the contrast between slices of two views of some volumes, the paper's strategy G^D.

    Mean over the positive pairs (a, b) of `l(a, b) + l(b, a)`, where
    `l(a, b) = -log exp(cos(a, b) / tau) / (exp(cos(a, b) / tau) + sum_{n in N_a} exp(cos(a, n) / tau))`.

    Positive pairs: the two views of a slice, and within each view slices of the same partition of different volumes.
    N_a: all slices, of both views, in another partition than a's. Slices of a's partition are never negatives.
    Gap: the paper has one slice of each partition of a volume; of several, only the same slice's two views are a pair.

    Args:
        first: z of one view, `[B, Z, F]`, Z slices of B volumes.
        second: z of the other view, the same shape.
        partition: int `[B, Z]`, see `partitions_of`.
        temperature: tau.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]`, its backward pass summing the workers' gradients.
            Every worker then returns the loss of all volumes, and the mean of the workers' gradients is its gradient.

    Returns:
        A float32 scalar from 0, also under autocast, in nats; `2 ln(1 + n)` where all rows are alike and each has n
        negatives, 0 where all slices share one partition.

    Detached:
        Nothing: both views are trained.

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape or first.shape[:2] != partition.shape:
        shapes = f"{tuple(first.shape)}, {tuple(second.shape)} and {tuple(partition.shape)}"
        raise ValueError(f"two views and partitions are {shapes}; expected [B, Z, F] twice and [B, Z]")
    _, slices, features = first.shape
    with torch.autocast(first.device.type, enabled=False):
        views = [functional.normalize(rows.float(), dim=2, eps=SMALLEST_NORM) for rows in (first, second)]
        together = torch.cat((*views, partition.unsqueeze(2).float()), 2).flatten(0, 1)  # [N, 2F + 1]
        if gather is not None:
            together = gather(together)
        rows = torch.cat((together[:, :features], together[:, features:-1]))  # [2N, F], first views, then second
        similarities = rows @ rows.T / temperature
        positive, negative = _pairs(together[:, -1].detach(), slices)
        # The smallest number instead of -inf: without any negative the gradient stays 0, not NaN.
        smallest = torch.finfo(similarities.dtype).min
        rest = similarities.masked_fill(~negative, smallest).logsumexp(1, keepdim=True)
        losses = functional.softplus(rest - similarities)  # l of every pair
        return 2 * (losses * positive).sum() / positive.sum()


def _pairs(partition: Tensor, slices: int) -> tuple[Tensor, Tensor]:
    """Mark positives and negatives, `[2N, 2N]`, from the partitions `[N]` of volumes of `slices` slices."""
    count = len(partition)
    row = torch.arange(count, device=partition.device)
    volume = row // slices
    same_part = partition[:, None] == partition
    other_volume = same_part & (volume[:, None] != volume)
    same_row = torch.eye(count, dtype=torch.bool, device=partition.device)
    positive = torch.cat((torch.cat((other_volume, same_row), 1), torch.cat((same_row, other_volume), 1)))
    return positive, ~same_part.repeat(2, 2)

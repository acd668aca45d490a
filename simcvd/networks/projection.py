"""Projection head: every XY slice of a volume becomes one row (sec. III-B)."""

import math
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from torch import Tensor, nn

from simcvd.draws import Draws

# lambda * alpha of SELU (Klambauer et al. 2017), what a dropped value becomes, negated
_SELU_FLOOR = 1.0507009873554805 * 1.6732632423543772


class ProjectionHead(nn.Module):
    """H: alpha dropout, adaptive pooling of every XY slice to `s x s`, then an MLP of three layers with ReLU between.

    Always computes in float32. Alpha dropout is active in training mode only.

    Args:
        pool_size: s; larger than the slice is legal and enlarges it.
        pooling: `average` or `max` (Table III).
        hidden: the MLP's two hidden widths.
        features: F, width of a row.
        dropout: p, rate of the alpha dropout (Table IV).
    """

    def __init__(
        self,
        pool_size: int = 128,
        pooling: Literal["average", "max"] = "average",
        hidden: tuple[int, int] = (256, 128),
        features: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.pool_size = pool_size
        self.pooling = pooling
        self.dropout = dropout
        self.first = nn.Linear(pool_size * pool_size, hidden[0])
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(hidden[0], hidden[1]), nn.ReLU(), nn.Linear(hidden[1], features))

    def forward(self, volume: Tensor, draws: Draws | None = None, name: str = "projection") -> Tensor:
        """Map volumes `[B, X, Y, Z]` to one row per slice, `[B, Z, F]`, float32.

        Args:
            volume: the boundary-aware feature.
            draws: where the dropout mask comes from; needed in training mode if the rate is above 0.
            name: prefix of the mask's name in `draws`.

        Raises:
            ValueError: no `draws` where dropout needs them.
        """
        with torch.autocast(volume.device.type, enabled=False):
            x = volume.float()
            if self.training and self.dropout > 0:
                if draws is None:
                    raise ValueError(f"Alpha dropout of {self.dropout} in training mode got no draws; pass the step's.")
                x = alpha_dropout(x, self.dropout, draws.uniform(f"{name}/alpha_dropout", tuple(x.shape)))
            slices = x.permute(0, 3, 1, 2)
            hidden = self._average_layer(slices) if self.pooling == "average" else self._max_layer(slices)
            rows: Tensor = self.rest(hidden)
            return rows

    def _max_layer(self, slices: Tensor) -> Tensor:
        return self.first(F.adaptive_max_pool2d(slices, self.pool_size).flatten(2))  # type: ignore[no-any-return]

    def _average_layer(self, slices: Tensor) -> Tensor:
        """Pool and apply the first layer; pooling is linear, so it may move from the slices to the weights.

        Enlarged slices hold nothing new: with weights pooled down to the slice's own size the multiplication by
        `s x s` columns is saved, which is cheaper unless there are many slices.
        """
        s, hidden = self.pool_size, self.first.out_features
        batch, depth, width, height = slices.shape
        pool_x, pool_y = (averaging_matrix(side, s, slices.device) for side in (width, height))
        pooling_cost = s * width * height + s * s * height
        rows = batch * depth
        if rows * pooling_cost + rows * s * s * hidden <= hidden * pooling_cost + rows * width * height * hidden:
            return self.first((pool_x @ slices @ pool_y.T).flatten(2))  # type: ignore[no-any-return]
        weight = pool_x.T @ self.first.weight.view(hidden, s, s) @ pool_y
        return F.linear(slices.flatten(2), weight.flatten(1), self.first.bias)


def averaging_matrix(side: int, pooled: int, device: torch.device | None = None) -> Tensor:
    """Return adaptive average pooling of one axis as a matrix `[pooled, side]`.

    Output i averages the inputs from `floor(i side / pooled)` up to `ceil((i + 1) side / pooled)`.

    >>> averaging_matrix(3, 2)
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.5000, 0.5000]])
    """
    output = torch.arange(pooled, device=device)[:, None]
    place = torch.arange(side, device=device)
    inside = (place >= output * side // pooled) & (place * pooled < (output + 1) * side)
    return inside.float() / inside.sum(1, keepdim=True)


def alpha_dropout(x: Tensor, rate: float, uniform: Tensor) -> Tensor:
    """Drop values so that mean 0 and variance 1 stay (Klambauer et al. 2017, self-normalising networks).

    Dropped values become `v = -lambda alpha` (SELU's limit), then everything becomes `a x + b` with
    `a = ((1 - p) (1 + p v^2))^(-1/2)` and `b = -a p v`.

    Args:
        x: any shape, mean 0 and variance 1.
        rate: p, from 0 to below 1.
        uniform: numbers from [0, 1), same shape; values below p drop.
    """
    if rate == 0:
        return x
    scale = 1 / math.sqrt((1 - rate) * (1 + rate * _SELU_FLOOR**2))
    return torch.where(uniform < rate, -_SELU_FLOOR, x) * scale + scale * rate * _SELU_FLOOR

"""Projection heads of contrastive pre-training: slices of a bottleneck map, regions of a decoder's map.

Chaitanya, Erdil, Karani, Konukoglu, NeurIPS 2020, arXiv 2006.10511: g_1 (sec. 3) and g_2 (sec. 3.2).
"""

import math

import torch
from torch import Tensor, nn

from simcvd.networks.batch_norm import BatchNorm3d


class SliceHead(nn.Module):
    """g_1: every slice of a feature map averaged over X and Y, then two dense layers with ReLU between.

    Always computes in float32. Gap: the paper flattens its 2D map; a slice's average keeps the weights independent of
    the crop's size.

    Args:
        channels: E, channels of the map.
        hidden: width between the layers.
        features: F, width of a row.
    """

    def __init__(self, channels: int, hidden: int, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, features, bias=False)
        )

    def forward(self, volume: Tensor) -> Tensor:
        """Map `[B, E, x, y, z]` to one row per slice, `[B, z, F]`, float32."""
        with torch.autocast(volume.device.type, enabled=False):
            rows: Tensor = self.layers(volume.float().mean((2, 3)).mT)
            return rows


class RegionHead(nn.Module):
    """g_2: two 1x1x1 convolutions, batch norm and ReLU after the first, then one dense layer over a whole region.

    Always computes in float32. It sees the asked regions alone, so batch norm's statistics are theirs (gap: the paper
    maps everything, then picks).

    Args:
        channels: C, channels of the decoder's map.
        side: K, voxels of a region along each axis.
        features: F, width of a row.
    """

    def __init__(self, channels: int, side: int, features: int) -> None:
        super().__init__()
        self.side = side
        self.first = nn.Linear(channels, channels, bias=False)  # of single voxels: a 1x1x1 convolution
        self.norm = BatchNorm3d(channels)
        self.second = nn.Linear(channels, channels, bias=False)
        self.whole = nn.Linear(channels * side**3, features, bias=False)

    def forward(self, volume: Tensor, places: Tensor) -> Tensor:
        """Map `[B, C, x, y, z]` to one row per region, `[B, A, F]`, float32.

        Args:
            volume: the decoder's map.
            places: int `[A]`, numbers of regions in the grid of `grid_of(volume.shape[2:], side)`, X slowest.
        """
        with torch.autocast(volume.device.type, enabled=False):
            voxels = self._voxels(volume, places).float()  # [B, C, A, K^3]
            hidden = self.first(voxels.movedim(1, -1)).movedim(-1, 1)
            hidden = self.norm(hidden.unsqueeze(-1)).squeeze(-1).relu()
            rows: Tensor = self.whole(self.second(hidden.movedim(1, -1)).flatten(2))
            return rows

    def _voxels(self, volume: Tensor, places: Tensor) -> Tensor:
        """Return the regions' voxels, `[B, C, A, K^3]`, without touching any other voxel."""
        _, rows, columns = grid_of(tuple(volume.shape[2:]), self.side)
        corners = torch.stack((places // (rows * columns), places // columns % rows, places % columns), 1) * self.side
        steps = torch.cartesian_prod(*[torch.arange(self.side, device=places.device)] * 3)
        x, y, z = (corners[:, None] + steps).unbind(2)  # [A, K^3] each
        return volume[:, :, x, y, z]


def grid_of(shape: tuple[int, ...], side: int) -> tuple[int, int, int]:
    """Return how many whole regions of `side` voxels fit side by side along each axis of a map.

    >>> grid_of((28, 28, 20), 3)
    (9, 9, 6)
    """
    x, y, z = shape
    return x // side, y // side, z // side


def regions_in(shape: tuple[int, ...], side: int) -> int:
    """Return the number of regions in the grid of a map.

    >>> regions_in((28, 28, 20), 3)
    486
    """
    return math.prod(grid_of(shape, side))

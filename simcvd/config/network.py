"""Settings of the network that segments, and what each network asks of a crop."""

import math
from typing import Annotated, Final

from pydantic import Field

from simcvd.config.types import HALVING, Rate, Settings, Strides, Vox3

VNET: Final = "vnet"
NETWORKS: Final = (VNET, "unet", "dynunet", "segresnet", "swin_unetr", "residual_encoder")
"""Names of the built-in networks."""
FIXED_MULTIPLES: Final[dict[str, Vox3]] = {"segresnet": (8, 8, 8), "swin_unetr": (32, 32, 32)}
"""Networks that have strides of their own, and what these divide each side of a crop by."""


class NetworkSettings(Settings):
    """Base of the sections that one network alone reads; a trial of another network is the same whatever they say."""


class NetworkConfig(Settings):
    """The network that segments; the V-Net is the paper's."""

    name: str = Field(VNET, description="Network; `simcvd networks` lists them.")
    width: Annotated[int, Field(ge=1)] = Field(16, description="Channels of the first level; each level doubles them.")
    sdm_head: bool = Field(True, description="Second head with the signed distance map; false: Table III, w/o SDM.")
    dropout_bottleneck: Rate = Field(0.5, description="V-Net: channel dropout after the bottleneck. Gap.")
    dropout_last: Rate = Field(0.5, description="V-Net: channel dropout after the last block; ruins short runs. Gap.")
    strides: Strides = Field(
        HALVING,
        description="Along X, Y and Z of the four ways down, the finest first: 1 keeps an axis as long as it is, 2 "
        "halves it. Thick slices want 1 along Z at first.",
    )

    def unread(self) -> set[str]:
        """Return what this network does not read, and what is as all trials of versions before the setting had it."""
        unread = {"strides"} if self.strides == HALVING or self.name in FIXED_MULTIPLES else set()
        return unread | ({"name"} if self.name == VNET else {"dropout_bottleneck", "dropout_last"})

    def reduction(self, levels: int = len(HALVING)) -> Vox3:
        """Return by what the first `levels` ways down divide each side of a crop.

        >>> NetworkConfig().reduction(), NetworkConfig().reduction(1)
        ((16, 16, 16), (2, 2, 2))
        """
        x, y, z = (math.prod(strides[axis] for strides in self.strides[:levels]) for axis in range(3))
        return x, y, z


class SwinUNETRConfig(NetworkSettings):
    """Swin UNETR (Hatamizadeh et al., 2022, arXiv 2201.01266)."""

    feature_size: int = Field(
        24, ge=12, multiple_of=12, description="Channels of the first level; 48 in the paper, 24 is MONAI's default."
    )

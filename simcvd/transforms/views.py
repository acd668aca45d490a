"""Views of a crop for contrastive pre-training: enlarged parts and intensities, drawn first and then applied.

Chaitanya, Erdil, Karani, Konukoglu, NeurIPS 2020, arXiv 2006.10511, as their public code has it
(github.com/krishnabits001/domain_specific_cl).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcvd.draws import Draws


@dataclass(frozen=True)
class View:
    """One drawn view of each of B crops.

    Attributes:
        brightness: `[B]`, what is added to all channels, in units of the image.
        contrast: `[B]`, what differences from a channel's mean are multiplied by.
        part: the part of each side that is enlarged to the whole; 1 is all of it.
        corner: `[B, 3]`, where that part begins along X, Y and Z, in parts of the room it has.
    """

    brightness: Tensor
    contrast: Tensor
    part: float
    corner: Tensor

    def depth(self, depth: Tensor) -> Tensor:
        """Return where the enlarged part begins and ends along Z, `[B, 2]`, from where the crop does.

        >>> View(torch.zeros(1), torch.ones(1), 0.5, torch.tensor([[0.0, 0.0, 1.0]])).depth(torch.tensor([[0.0, 0.8]]))
        tensor([[0.4000, 0.8000]])
        """
        extent = depth[:, 1] - depth[:, 0]
        start = depth[:, 0] + self.corner[:, 2] * (1 - self.part) * extent
        return torch.stack((start, start + self.part * extent), 1)


def draw_views(
    draws: Draws, parts: tuple[int, ...], *, brightness: float, contrast: float, part: float = 1.0
) -> tuple[View, View]:
    """Draw two views of each crop, all numbers uniformly; where their parts begin along Z is the same in both.

    Args:
        draws: the step's draws.
        parts: local sizes of the parts that the crops join (labelled, unlabelled); each has its own numbers, so that
            they do not depend on the number of workers.
        brightness: largest absolute value of what is added.
        contrast: largest absolute difference of the factor from 1.
        part: fraction of each side that is enlarged.
    """

    def draw(name: str, numbers: int) -> Tensor:
        return torch.cat([draws.uniform(f"{name}/{number}", (size, numbers)) for number, size in enumerate(parts)])

    depth = draw("views/depth", 1)

    def view(name: str) -> View:
        drawn = draw(name, 4)
        signed = 2 * drawn[:, :2] - 1
        corner = torch.cat((drawn[:, 2:], depth), 1)
        return View(brightness * signed[:, 0], 1 + contrast * signed[:, 1], part, corner)

    return view("views/first"), view("views/second")


def apply_view(image: Tensor, view: View) -> Tensor:
    """Return the view of each crop, `[B, I, X, Y, Z]`, in float32."""
    with torch.autocast(image.device.type, enabled=False):
        seen = image.float()
        if view.part < 1:
            seen = _enlarge(seen, view)
        mean = seen.mean((2, 3, 4), keepdim=True)
        brightness, contrast = (numbers.view(-1, 1, 1, 1, 1) for numbers in (view.brightness, view.contrast))
        return (seen - mean) * contrast + (mean + brightness)


def _enlarge(image: Tensor, view: View) -> Tensor:
    """Interpolate a part of each crop linearly to the whole."""
    along_x, along_y, along_z = (
        _interpolation(image.shape[axis + 2], view.part, view.corner[:, axis]) for axis in range(3)
    )
    image = torch.einsum("bzk,bcxyk->bcxyz", along_z, image)
    image = torch.einsum("byj,bcxjz->bcxyz", along_y, image)
    return torch.einsum("bxi,bciyz->bcxyz", along_x, image)


def _interpolation(side: int, part: float, corner: Tensor) -> Tensor:
    """Return linear interpolation of one axis as matrices `[B, side, side]`, rows the new voxels."""
    voxels = torch.arange(side, device=corner.device)
    start = corner[:, None] * (side * (1 - part))
    place = (start + (voxels + 0.5) * part - 0.5).clamp(0, side - 1)  # [B, side]
    return (1 - (place[:, :, None] - voxels).abs()).clamp_min(0)

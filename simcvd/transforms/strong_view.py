"""Strong views of a crop: other intensities, the same geometry, drawn first and then applied.

Yang et al., CVPR 2023, arXiv 2208.09910, whose public code has colour jitter and blur; AD-MT and CrossMatch have their
own kinds of both.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcvd.config.later import StrongViewSettings
from simcvd.draws import Draws

_LEAST_STD = 0.1
"""Of blur and noise, as in the public codes."""
_NO_BLUR = 0.01
"""Standard deviation in voxels whose blur is none: a neighbour's weight is exp(-5000), which is 0."""


@dataclass(frozen=True)
class StrongView:
    """One drawn view of each of B crops.

    Attributes:
        contrast: `[B]`, what differences from a channel's mean are multiplied by.
        brightness: `[B]`, what is added, in units of the image.
        gamma: `[B]`, exponent of the intensities' absolute values.
        blur_vox: `[B]`, standard deviation of the blur; none: no crop is blurred.
        noise: `[B, I, X, Y, Z]`, what is added last; none: nothing.
    """

    contrast: Tensor
    brightness: Tensor
    gamma: Tensor
    blur_vox: Tensor | None
    noise: Tensor | None


def draw_strong_view(draws: Draws, name: str, shape: tuple[int, ...], settings: StrongViewSettings) -> StrongView:
    """Draw a view of each crop of a batch `[B, I, X, Y, Z]`, each number by itself and uniformly.

    Args:
        draws: the step's draws.
        name: of the view; another name is another draw.
        shape: of this worker's crops.
        settings: how likely and how large the changes are.
    """
    drawn = draws.uniform(f"{name}/view", (shape[0], 8))
    signed = (2 * drawn[:, :3] - 1) * (drawn[:, 3:4] < settings.jitter_probability)
    blur = noise = None
    if settings.blur_probability > 0:
        std = _LEAST_STD + (settings.blur_vox - _LEAST_STD) * drawn[:, 5]
        blur = torch.where(drawn[:, 4] < settings.blur_probability, std, _NO_BLUR)
    if settings.noise_probability > 0:
        std = _LEAST_STD + (settings.noise_std - _LEAST_STD) * drawn[:, 7]
        std = std * (drawn[:, 6] < settings.noise_probability)
        noise = draws.normal(f"{name}/noise", shape).clamp(-2, 2) * std.view(-1, 1, 1, 1, 1)
    return StrongView(
        1 + settings.contrast * signed[:, 0],
        settings.brightness * signed[:, 1],
        torch.exp(settings.gamma * signed[:, 2]),
        blur,
        noise,
    )


def apply_strong_view(image: Tensor, view: StrongView) -> Tensor:
    """Return the view of each crop, `[B, I, X, Y, Z]`, in float32."""
    with torch.autocast(image.device.type, enabled=False):
        seen = image.float()
        contrast, brightness, gamma = (
            numbers.view(-1, 1, 1, 1, 1) for numbers in (view.contrast, view.brightness, view.gamma)
        )
        mean = seen.mean((2, 3, 4), keepdim=True)
        seen = (seen - mean) * contrast + (mean + brightness)
        seen = seen.sign() * seen.abs().pow(gamma)
        if view.blur_vox is not None:
            seen = _blur(seen, view.blur_vox)
        return seen if view.noise is None else seen + view.noise


def _blur(image: Tensor, std: Tensor) -> Tensor:
    """Blur each crop with its own Gaussian; beyond the border there is nothing, and weights add up to 1 again."""
    along_x, along_y, along_z = (_gaussian(side, std) for side in image.shape[2:])
    image = torch.einsum("bzk,bcxyk->bcxyz", along_z, image)
    image = torch.einsum("byj,bcxjz->bcxyz", along_y, image)
    return torch.einsum("bxi,bciyz->bcxyz", along_x, image)


def _gaussian(side: int, std: Tensor) -> Tensor:
    """Return the blur along an axis as matrices `[B, side, side]`, rows the new voxels."""
    voxels = torch.arange(side, device=std.device)
    distance = voxels[:, None] - voxels
    weights = torch.exp(-0.5 * (distance / std[:, None, None]).square())
    return weights / weights.sum(2, keepdim=True)

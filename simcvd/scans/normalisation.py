"""Intensities: from a scanner's numbers to what a network is trained on."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from simcvd.errors import UserError
from simcvd.scans.volume import Array

Kind = Literal["z_score", "z_score_scan", "z_score_nonzero", "window", "percentiles", "as_is"]

LARGEST_NORMALISED = 10.0
"""Largest mean or standard deviation of an image that can pass for normalised."""
_OFF = 0.1
"""Mean, or deviation less 1, from which on an image is not one of mean 0 and deviation 1."""


class Channel(BaseModel):
    """Numbers of one channel, the same for all scans, in the scanner's unit.

    Attributes:
        lower: lower values become this one.
        upper: higher values become this one.
        mean: is subtracted; none takes each scan's own, after the clipping.
        std: divides; none takes each scan's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lower: float
    upper: float
    mean: float | None = None
    std: Annotated[float, Field(gt=0)] | None = None


class Normalisation(BaseModel):
    """How intensities are brought to a network's range.

    Attributes:
        kind: `z_score` over the kept voxels of a scan; `z_score_scan` over all of its voxels, those outside the crop
            too; `z_score_nonzero` over those that are not 0, which stay 0; `window`: clipped to `channels`, then
            z_score; `percentiles`: clipped and scaled by the numbers of the labelled training foreground; `as_is`: not
            at all.
        channels: of `window` and `percentiles`, one entry a channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = "z_score"
    channels: tuple[Channel, ...] = ()

    @property
    def any_unit(self) -> bool:
        """Whether the same scan in another unit becomes the same image."""
        return self.kind in ("z_score", "z_score_scan", "z_score_nonzero")

    def apply(self, image: Array, scan: Array | None = None) -> tuple[NDArray[np.float32], list[float], list[float]]:
        """Return the normalised image `[I, X, Y, Z]`, and per channel what was subtracted and what then divided.

        Args:
            image: the kept voxels.
            scan: all voxels `[I, X, Y, Z]`, which `z_score_scan` counts; none: the image is the whole scan.

        Raises:
            UserError: a channel is constant, or the image has not as many channels as there are numbers.
        """
        if self.channels and len(self.channels) != len(image):
            raise UserError(f"the image has {len(image)} channels, expected {len(self.channels)}")
        if self.kind == "as_is":
            return np.ascontiguousarray(image, np.float32), [0.0] * len(image), [1.0] * len(image)
        out = np.empty(image.shape, np.float32)
        means, stds = [], []
        for index, raw in enumerate(image):
            numbers = self.channels[index] if self.channels else None
            values = raw if numbers is None else np.clip(raw, numbers.lower, numbers.upper)
            counted = values
            if self.kind == "z_score_nonzero":
                counted = values[values != 0]
            elif self.kind == "z_score_scan" and scan is not None:
                counted = scan[index]
            mean = float(counted.mean(dtype=np.float64)) if numbers is None or numbers.mean is None else numbers.mean
            std = float(counted.std(dtype=np.float64)) if numbers is None or numbers.std is None else numbers.std
            if not std > 0:
                name = f"channel {index} of the image" if len(image) > 1 else "the image"
                raise UserError(f"{name} is constant, expected a scan with contrast")
            out[index] = (values - mean) / std
            if self.kind == "z_score_nonzero":
                out[index][values == 0] = 0
            means.append(mean)
            stds.append(std)
        return out, means, stds


def refuse_unnormalised(image: Array) -> None:
    """Refuse an image that is taken as it is and can't have been normalised.

    Raises:
        UserError: its mean or standard deviation is that of a raw scan.
    """
    mean, std = _mean_and_std(image)
    if abs(mean) > LARGEST_NORMALISED or std > LARGEST_NORMALISED:
        raise UserError(
            f"the image has mean {mean:.3g} and standard deviation {std:.3g}, but is taken as it is and must be "
            "normalised"
        )


def off_zero_and_one(image: Array) -> str:
    """Tell an image that is taken as it is, and whose mean is not 0 or deviation not 1; empty where they are."""
    mean, std = _mean_and_std(image)
    if max(abs(mean), abs(std - 1)) < _OFF:
        return ""
    return f"taken as it is, with mean {mean:.2f} and deviation {std:.2f}"


def _mean_and_std(image: Array) -> tuple[float, float]:
    return float(image.mean(dtype=np.float64)), float(image.std(dtype=np.float64))

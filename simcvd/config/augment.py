"""Settings of the augmentations; those of the intensities are Table V's, each with its own section.

The paper names the four and says no more. Their sizes are those of the public code of Models Genesis (Zhou et al.,
Medical Image Analysis 67, 2021, doi 10.1016/j.media.2020.101840), whose names the paper uses.
"""

from typing import Annotated

from pydantic import Field, model_validator

from simcvd.config.types import Fraction, Settings

Probability = Annotated[float, Field(ge=0, le=1)]


class IntensityAugmentation(Settings):
    """Base of the sections of one augmentation of the image; at probability 0 it is off and nothing else is read."""

    probability: Probability = Field(0.0, description="Probability for each crop; 0: off.")


class LocalShuffleConfig(IntensityAugmentation):
    """Local pixel shuffling: voxels change places inside small boxes (Table V)."""

    probability: Probability = Field(
        0.0, description="Probability for each crop; 0: off, as the paper's SimCVD; 0.5 in the public code. Gap."
    )
    max_side: Fraction = Field(
        0.1,
        description="Longest side of a box in parts of the crop's, at least 2 voxels (public code: a tenth, so nothing "
        "on crops under 20).",
    )
    share: Fraction = Field(
        0.8,
        description="Share of the boxes that are shuffled. Gap: boxes that tile the crop; the public code has 10,000 "
        "boxes anywhere, which overlap and cover 0.76 of a Left Atrium crop, 0.82 of its own.",
    )


class NonlinearIntensityConfig(IntensityAugmentation):
    """Non-linear intensity transformation: a random monotone Bezier curve (Table V)."""

    probability: Probability = Field(
        0.0, description="Probability for each crop; 0: off, as the paper's SimCVD; 0.9 in the public code. Gap."
    )
    inverted: Probability = Field(
        0.5, description="Probability that a curve falls, so that bright becomes dark (public code). Gap."
    )


class PaintingConfig(IntensityAugmentation):
    """Base of both paintings: boxes, and noise inside or outside of them."""

    boxes: Annotated[int, Field(ge=1)] = Field(
        5, description="Most boxes; after the first each comes with probability 0.95 (public code)."
    )
    min_side: Fraction = Field(0.17, description="Shortest side of a box in parts of the crop's (public code: 1/6).")
    max_side: Fraction = Field(0.33, description="Longest side of a box in parts of the crop's (public code: 1/3).")

    @model_validator(mode="after")
    def _sides_are_a_range(self) -> "PaintingConfig":
        if self.min_side > self.max_side:
            raise ValueError(f"min_side is {self.min_side:g}, expected no more than max_side, {self.max_side:g}")
        return self


class InPaintingConfig(PaintingConfig):
    """In-painting: noise inside of boxes (Table V)."""

    probability: Probability = Field(
        0.0,
        description="Probability for each crop; 0: off, as the paper's SimCVD; 0.9 for in- or out-painting in the "
        "public code. Gap.",
    )


class OutPaintingConfig(PaintingConfig):
    """Out-painting: noise outside of boxes (Table V)."""

    probability: Probability = Field(
        0.0,
        description="Probability for each crop; 0: off, as the paper's SimCVD; 0.9 for in- or out-painting in the "
        "public code. Gap.",
    )
    boxes: Annotated[int, Field(ge=1)] = Field(
        5,
        description="Most boxes that are kept; after the first each comes with probability 0.95 (public code). Five "
        "keep a third of a crop, one an eighth.",
    )
    min_side: Fraction = Field(0.43, description="Shortest side of a box in parts of the crop's (public code: 3/7).")
    max_side: Fraction = Field(0.57, description="Longest side of a box in parts of the crop's (public code: 4/7).")


class AugmentConfig(Settings):
    """Augmentation of training crops: turns and flips of image, label and SDM alike, the others of the image alone.

    Labelled and unlabelled crops have the same, and student and teacher get the same augmented crop. "Public code" is
    that of Models Genesis (Zhou et al., Medical Image Analysis 67, 2021).
    """

    rotate: bool = Field(True, description="Multiples of 90 degrees in the XY plane.")
    flip: bool = Field(True, description="Mirroring, each axis of the XY plane with probability one half.")
    local_shuffle: LocalShuffleConfig = LocalShuffleConfig()
    nonlinear_intensity: NonlinearIntensityConfig = NonlinearIntensityConfig()
    in_painting: InPaintingConfig = InPaintingConfig()
    out_painting: OutPaintingConfig = OutPaintingConfig()

    @property
    def changes_intensities(self) -> bool:
        """Whether any augmentation of the image is on."""
        return any(isinstance(value, IntensityAugmentation) and value.probability > 0 for _, value in self)

    def unread(self) -> set[str]:
        """Return the augmentations that are off."""
        return {name for name, value in self if isinstance(value, IntensityAugmentation) and value.probability == 0}

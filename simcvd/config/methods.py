"""Settings of the rival methods, one section a method, named as the method is; a trial reads its own section only."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from simcvd.config.types import Fraction, Settings, Weight

RAMP_UP = "Fraction of all steps after which the weight is full; it rises as exp(-5 (1 - t / t_max)^2)."
_CONSTANT = "0: full from the first step."

NoisyNetworks = Literal["both", "teacher"]
_NOISE_ON = (
    "Networks that see the unlabelled crops under the noise of `noise`: both, or the teacher alone as in the public "
    "code."
)
_DISCRIMINATOR_AFTER = (
    "The discriminator learns after the segmenting network's step, from outputs computed anew in eval mode, as in the "
    "public code: one more forward pass; false: at once, from the same outputs. Gap."
)


class MethodSettings(Settings):
    """Base of the sections that one method alone reads; a trial of another method is the same whatever they say.

    Attributes:
        BEFORE: settings that came later, each with the value that says what trials without it did; where it has this
            value it is no part of a trial's identity.
    """

    BEFORE: ClassVar[Mapping[str, Any]] = {}

    def unread(self) -> set[str]:
        """Return the later settings that are as all trials before them were."""
        return {name for name, value in self.BEFORE.items() if getattr(self, name) == value}


class SegmentationSettings(MethodSettings):
    """What L_seg of the labelled crops is, in the sections of methods whose public codes differ in it."""

    BEFORE: ClassVar[Mapping[str, Any]] = {"cross_entropy_part": 0.5, "dice_of": "foreground"}

    cross_entropy_part: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5,
        description="Part of L_seg that is the cross-entropy, the rest is the soft Dice loss: half of each in Eq. 1 "
        "and in most public codes, 0 in those of DTC and SASSNet.",
    )
    dice_of: Literal["foreground", "all"] = Field(
        "foreground",
        description="Classes whose soft Dice is averaged: foreground as in the public codes of UA-MT, DTC and SASSNet; "
        "all, the background too, as in SSL4MIS.",
    )


class SupervisedConfig(SegmentationSettings):
    """Supervised training (V-Net: Milletari et al., 3DV 2016, arXiv 1606.04797)."""

    BEFORE: ClassVar[Mapping[str, Any]] = {**SegmentationSettings.BEFORE, "whole_batch": False}

    whole_batch: bool = Field(
        True,
        description="Labelled crops fill the places of unlabelled ones, batch_labeled + batch_unlabeled a step, as the "
        "paper's batch of 4 and the public code of UA-MT have it; false: batch_labeled alone.",
    )


class MeanTeacherConfig(SegmentationSettings):
    """Mean teacher (Tarvainen and Valpola, NeurIPS 2017, arXiv 1703.01780)."""

    BEFORE: ClassVar[Mapping[str, Any]] = {**SegmentationSettings.BEFORE, "noise_on": "both"}

    consistency: Weight = Field(0.1, description="Full weight of the consistency with the teacher.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    noise_on: NoisyNetworks = Field("both", description=_NOISE_ON)


class UAMTConfig(SegmentationSettings):
    """Uncertainty-aware mean teacher (Yu et al., MICCAI 2019, arXiv 1907.07034, sec. 2.2)."""

    BEFORE: ClassVar[Mapping[str, Any]] = {**SegmentationSettings.BEFORE, "noise_on": "both"}

    consistency: Weight = Field(0.1, description="Full weight of the consistency on voxels the teacher is sure of.")
    ramp_up_fraction: Fraction = Field(1.0, description=f"{RAMP_UP} The threshold rises with it.")
    passes: Annotated[int, Field(ge=1)] = Field(
        8, description="T, noisy teacher passes behind the uncertainty; one more gives the target."
    )
    first_threshold: Annotated[float, Field(ge=0, le=1)] = Field(
        0.75, description="Threshold of the uncertainty at the start, in parts of ln C (3/4 of ln 2); it rises to 1."
    )
    noise_on: NoisyNetworks = Field("both", description=_NOISE_ON)


class EntropyMinConfig(SegmentationSettings):
    """Entropy minimisation (Vu et al., CVPR 2019, arXiv 1811.12833, sec. 3.1)."""

    BEFORE: ClassVar[Mapping[str, Any]] = {
        **SegmentationSettings.BEFORE,
        "ramp_up_fraction": 0.0,
        "entropy_of": "unlabeled",
    }

    entropy: Weight = Field(
        0.1,
        description="Full weight of the predictions' entropy, in parts of ln C: the field's value for 3D segmentation "
        "(SSL4MIS). Gap: the paper has 0.001, with an encoder from ImageNet, which is 0.04 % of the gradient here.",
    )
    ramp_up_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description=f"{RAMP_UP} {_CONSTANT} The paper's weight is constant, SSL4MIS's rises."
    )
    entropy_of: Literal["all", "unlabeled"] = Field(
        "all", description="Crops whose predictions' entropy is lowered: all as in SSL4MIS, unlabeled as in the paper."
    )


class CPSConfig(SegmentationSettings):
    """Cross pseudo supervision (Chen et al., CVPR 2021, arXiv 2106.01226, sec. 3)."""

    BEFORE: ClassVar[Mapping[str, Any]] = {**SegmentationSettings.BEFORE, "cross_on": "all"}

    cross: Weight = Field(
        1.5,
        description="Full weight of the cross-entropy with the other network's hard labels: 1.5 on PASCAL VOC, 6 on "
        "Cityscapes in the paper, 0.1 in SSL4MIS for scans. Gap: the paper's stays the default, since with the ramp it "
        "did not collapse on the built-in set, and three seeds show no difference (docs/results).",
    )
    ramp_up_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0,
        description=f"{RAMP_UP} {_CONSTANT} Gap: the paper's weight is constant, with encoders from ImageNet; from "
        "scratch that collapsed (docs/results).",
    )
    cross_on: Literal["all", "unlabeled"] = Field(
        "all",
        description="Crops that each network learns on from the other: all, the sum of the means of labelled and "
        "unlabelled ones, as in the paper; unlabeled as in SSL4MIS.",
    )


class ICTConfig(SegmentationSettings):
    """Interpolation consistency training (Verma et al., IJCAI 2019, arXiv 1903.03825, Algorithm 1)."""

    consistency: Weight = Field(
        0.1,
        description="Full weight of the consistency on mixed crops. Gap: the field's value for 3D segmentation; the "
        "paper's code has 100 for 10 classes of images.",
    )
    ramp_up_fraction: Fraction = Field(0.25, description=f"{RAMP_UP} A quarter, as in the paper's code.")
    alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        0.2,
        description="The mixing factor is drawn from Beta(alpha, alpha). Gap: the field's value for 3D segmentation; "
        "the paper's code has 1 on CIFAR-10, 0.1 on SVHN.",
    )


class DANConfig(SegmentationSettings):
    """Deep adversarial network (Zhang et al., MICCAI 2017, doi 10.1007/978-3-319-66179-7_47)."""

    BEFORE: ClassVar[Mapping[str, Any]] = {**SegmentationSettings.BEFORE, "discriminator_after": False}

    adversarial: Weight = Field(
        0.1,
        description="Full weight of fooling the discriminator, as in the field's public 3D code. Gap: the paper is 2D.",
    )
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    discriminator_learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1e-4, description="Adam learning rate of the discriminator, as in the field's public 3D code. Gap."
    )
    discriminator_width: Annotated[int, Field(ge=1)] = Field(
        64, description="Channels of the discriminator's first level, as in the field's public 3D code. Gap."
    )
    discriminator_after: bool = Field(False, description=_DISCRIMINATOR_AFTER)


class SASSNetConfig(SegmentationSettings):
    """Shape-aware semi-supervised network (Li, Zhang, He, MICCAI 2020, arXiv 2007.10732)."""

    BEFORE: ClassVar[Mapping[str, Any]] = {**SegmentationSettings.BEFORE, "discriminator_after": False}

    sdm: Weight = Field(0.3, description="Weight of the labelled crops' SDM error (public code).")
    adversarial: Weight = Field(
        0.01,
        description="Full weight of fooling the discriminator: the public code's best with 16 labelled Left Atrium "
        "scans; 0.015 with 8.",
    )
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    discriminator_learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1e-4, description="Adam learning rate of the discriminator (public code)."
    )
    discriminator_width: Annotated[int, Field(ge=1)] = Field(
        64, description="Channels of the discriminator's first level (public code)."
    )
    discriminator_after: bool = Field(False, description=_DISCRIMINATOR_AFTER)


class DTCConfig(SegmentationSettings):
    """Dual-task consistency (Luo et al., AAAI 2021, arXiv 2009.04448)."""

    sdm: Weight = Field(0.3, description="Weight of the labelled crops' SDM error (public code).")
    consistency: Weight = Field(1.0, description="Full weight of the consistency of both heads (public code).")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    steepness: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1500.0, description="k of the smooth step 1 / (1 + exp(k d)) that turns a signed distance into a probability."
    )


class ChaitanyaConfig(MethodSettings):
    """Global and local contrast (Chaitanya et al., NeurIPS 2020, arXiv 2006.10511, sec. 3)."""

    global_contrast: Weight = Field(
        1.0, description="Weight of the encoder's contrast, the first stage; 0: its steps go to fine-tuning."
    )
    local_contrast: Weight = Field(
        1.0, description="Weight of the decoder's contrast, the second stage; 0: its steps go to fine-tuning."
    )
    global_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.15,
        description="First stage in parts of all steps, so that the budget is every method's, rounded down. Gap: the "
        "public code gives both stages and fine-tuning 10,000 steps each, so pre-training comes on top; half of one "
        "budget for it left too few steps for the labels (docs/results).",
    )
    local_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="Second stage in parts of all steps, rounded down; its loss is flat after some 100 steps. Gap."
    )
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        0.1, description="tau of both contrasts (public code)."
    )
    partitions: Annotated[int, Field(ge=2)] = Field(
        4, description="S, equal parts of a volume along Z; slices of the same part are alike (Fig. 1, public code)."
    )
    decoder_blocks: Annotated[int, Field(ge=1, le=4)] = Field(
        2,
        description="l, levels of the decoder that the second stage trains. Gap: 2 of the V-Net's 4 end at a quarter "
        "of the image's resolution, as 3 of 5 in the public code.",
    )
    regions: Annotated[int, Field(ge=2)] = Field(
        13,
        description="A, regions of each image, at most as many as fit (public code). Gap: drawn anew each step from a "
        "grid; the public code has fixed places.",
    )
    region_side: Annotated[int, Field(ge=1)] = Field(
        3, description="K, sides of a region in voxels of the decoder's map (public code: 3 x 3 pixels)."
    )
    pretraining_learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1e-3, description="Adam learning rate of both stages (public code); fine-tuning has the SGD of all methods."
    )
    crop_part: Annotated[float, Field(gt=0, le=1)] = Field(
        0.52,
        description="Sides of the part of a crop that each view of the first stage enlarges to the whole (public code: "
        "100 of 192 pixels); 1: no enlarging. Gap: along Z too, the same in both views, or the padding would tell a "
        "slice's place.",
    )
    view_brightness: Annotated[float, Field(ge=0, le=10)] = Field(
        1.4,
        description="Largest brightness added to a view, in units of the normalised image. Gap: 0.3 of the range from "
        "the 1st to the 99th percentile (public code), which is 4.65 standard deviations of a normal.",
    )
    view_contrast: Annotated[float, Field(ge=0, le=1)] = Field(
        0.3, description="Contrast factors of a view lie within this of 1 (public code)."
    )
    hidden: Annotated[int, Field(ge=1)] = Field(
        1024, description="Hidden width of the first stage's projection head (public code)."
    )
    features: Annotated[int, Field(ge=1)] = Field(128, description="F, width of both embeddings (public code).")

    @model_validator(mode="after")
    def _fine_tuning_has_steps(self) -> "ChaitanyaConfig":
        if self.global_fraction + self.local_fraction >= 1:
            both = f"{self.global_fraction} and {self.local_fraction}"
            raise ValueError(
                f"chaitanya.global_fraction and local_fraction are {both}, expected less than 1 together: "
                "the rest is fine-tuning"
            )
        return self

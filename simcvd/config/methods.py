"""Settings of the rival methods, one section a method, named as the method is; a trial reads its own section only."""

from typing import Annotated

from pydantic import Field

from simcvd.config.types import Fraction, Settings, Weight

RAMP_UP = "Fraction of all steps after which the weight is full; it rises as exp(-5 (1 - t / t_max)^2)."


class MethodSettings(Settings):
    """Base of the sections that one method alone reads; a trial of another method is the same whatever they say."""


class MeanTeacherConfig(MethodSettings):
    """Mean teacher (Tarvainen and Valpola, NeurIPS 2017, arXiv 1703.01780)."""

    consistency: Weight = Field(0.1, description="Full weight of the consistency with the teacher.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)


class UAMTConfig(MethodSettings):
    """Uncertainty-aware mean teacher (Yu et al., MICCAI 2019, arXiv 1907.07034)."""

    consistency: Weight = Field(0.1, description="Full weight of the consistency on voxels the teacher is sure of.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    passes: Annotated[int, Field(ge=1)] = Field(8, description="T, noisy teacher passes behind the uncertainty.")
    first_threshold: Annotated[float, Field(ge=0, le=1)] = Field(
        0.75, description="Threshold of the uncertainty at the start, in parts of ln C; it rises to 1."
    )


class EntropyMinConfig(MethodSettings):
    """Entropy minimisation (Vu et al., CVPR 2019, arXiv 1811.12833)."""

    entropy: Weight = Field(0.001, description="Weight of the unlabelled predictions' entropy, in parts of ln C.")


class CPSConfig(MethodSettings):
    """Cross pseudo supervision (Chen et al., CVPR 2021, arXiv 2106.01226)."""

    cross: Weight = Field(1.5, description="Weight of the cross-entropy with the other network's hard labels.")


class ICTConfig(MethodSettings):
    """Interpolation consistency training (Verma et al., IJCAI 2019, arXiv 1903.03825)."""

    consistency: Weight = Field(0.1, description="Full weight of the consistency on mixed crops.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        0.2, description="The mixing factor is drawn from Beta(alpha, alpha)."
    )


class DANConfig(MethodSettings):
    """Deep adversarial network (Zhang et al., MICCAI 2017, doi 10.1007/978-3-319-66179-7_47)."""

    adversarial: Weight = Field(0.1, description="Full weight of fooling the discriminator.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    discriminator_learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1e-4, description="Adam learning rate of the discriminator."
    )
    discriminator_width: Annotated[int, Field(ge=1)] = Field(64, description="Channels of its first level.")


class SASSNetConfig(MethodSettings):
    """Shape-aware semi-supervised network (Li, Zhang, He, MICCAI 2020, arXiv 2007.10732)."""

    sdm: Weight = Field(0.3, description="Weight of the labelled crops' SDM error.")
    adversarial: Weight = Field(0.1, description="Full weight of fooling the discriminator.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    discriminator_learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1e-4, description="Adam learning rate of the discriminator."
    )
    discriminator_width: Annotated[int, Field(ge=1)] = Field(64, description="Channels of its first level.")


class DTCConfig(MethodSettings):
    """Dual-task consistency (Luo et al., AAAI 2021, arXiv 2009.04448)."""

    sdm: Weight = Field(0.3, description="Weight of the labelled crops' SDM error.")
    consistency: Weight = Field(1.0, description="Full weight of the consistency of both heads.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    steepness: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1500.0, description="k of the smooth step that turns a signed distance into a probability."
    )


class ChaitanyaConfig(MethodSettings):
    """Global and local contrast (Chaitanya et al., NeurIPS 2020, arXiv 2006.10511)."""

    global_contrast: Weight = Field(1.0, description="Weight of the encoder's contrast in the first stage.")
    local_contrast: Weight = Field(1.0, description="Weight of the decoder's contrast in the second stage.")

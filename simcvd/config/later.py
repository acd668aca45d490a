"""Settings of the methods that came after the paper, one section a method, named as the method is."""

from typing import Annotated

from pydantic import Field

from simcvd.config.methods import RAMP_UP, SegmentationSettings
from simcvd.config.types import Fraction, Rate, Weight

_Probability = Annotated[float, Field(ge=0, le=1)]
_Part = Annotated[float, Field(gt=0, lt=1)]
_SPLIT = "Gap: the code halves the sum of all terms, L_seg too; here L_seg weighs what it does in every method."


class StrongViewSettings(SegmentationSettings):
    """How a strong view changes the intensities of a crop; each crop has its own draw, and geometry stays."""

    jitter_probability: _Probability = Field(
        0.8, description="Probability that a strong view has another contrast, brightness and gamma (public code)."
    )
    contrast: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Contrast factors lie within this of 1 (public code)."
    )
    brightness: Annotated[float, Field(ge=0, le=10)] = Field(
        0.5,
        description="Largest brightness added, in units of the normalised image. Gap: the code has factors from 0.5 to "
        "1.5 on images from 0 to 1.",
    )
    gamma: Annotated[float, Field(ge=0, le=2)] = Field(
        0.0, description="Largest |ln g| of the gamma curve sign(x) |x|^g; 0: none."
    )
    blur_probability: _Probability = Field(0.5, description="Probability of a Gaussian blur (public code).")
    blur_vox: Annotated[float, Field(ge=0.1, le=10)] = Field(
        2.0, description="Largest standard deviation of the blur, from 0.1 (public code: pixels). Gap: along Z too."
    )
    noise_probability: _Probability = Field(0.0, description="Probability of Gaussian noise; 0: none.")
    noise_std: Annotated[float, Field(ge=0.1, le=10)] = Field(
        1.0, description="Largest standard deviation of the noise, from 0.1, cut off at two of them."
    )


class CutMixSettings(StrongViewSettings):
    """Strong views of which a box may come from another crop."""

    box_probability: _Probability = Field(0.5, description="Probability that a strong view has a box (public code).")
    box_smallest: _Part = Field(0.02, description="Smallest volume of a box in parts of the crop's (public code).")
    box_largest: _Part = Field(
        0.4,
        description="Largest volume of a box in parts of the crop's (public code: of the area). Gap: the sides are cut "
        "to the crop's where the ratio makes them longer; the code draws anew.",
    )


class UniMatchConfig(CutMixSettings):
    """UniMatch (Yang et al., CVPR 2023, arXiv 2208.09910), as its public code for medical images has it, in 3D."""

    strong: Weight = Field(
        0.5, description=f"mu: weight of the mean of both strong views' terms (paper: 0.5). {_SPLIT}"
    )
    feature: Weight = Field(0.5, description="lambda: weight of the feature perturbation's term (paper: 0.5).")
    threshold: _Probability = Field(
        0.95, description="tau, least probability of a pseudo-label that counts (paper and public code)."
    )
    feature_dropout: Rate = Field(
        0.5, description="Rate of the channel dropout that perturbs all maps the decoder takes (public code)."
    )


class BCPConfig(SegmentationSettings):
    """Bidirectional copy-paste (Bai et al., CVPR 2023, arXiv 2305.00673)."""

    unlabeled: Weight = Field(
        0.5,
        description="alpha: weight of what lies in unlabelled crops against what lies in labelled ones (paper: 0.5); "
        "0: the whole run is the first stage, on labelled crops alone.",
    )
    pretraining_fraction: _Part = Field(
        0.12,
        description="First stage, on labelled crops, in parts of all steps, so that the budget is every method's, "
        "rounded down (public code: 2,000 of 17,000). Gap: its best checkpoint is judged on the test cases there; here "
        "the last one counts.",
    )
    box_side: _Part = Field(
        0.6667, description="beta: sides of the box that is pasted in parts of the crop's (paper and public code: 2/3)."
    )
    teacher_decay: Rate = Field(
        0.99, description="Largest decay of the teacher's moving average in the second stage (public code)."
    )
    largest_piece: bool = Field(
        True,
        description="Pseudo-labels keep each class's largest connected piece alone (public code). The CPU looks for "
        "it, so a GPU waits.",
    )


class ADMTConfig(StrongViewSettings):
    """Alternate diverse teaching (Zhao et al., ECCV 2024, arXiv 2311.17325)."""

    brightness: Annotated[float, Field(ge=0, le=10)] = Field(
        0.5,
        description="Largest brightness added, in units of the normalised image. Gap: the code adds up to half of the "
        "crop's mean in a range from 0 to 1.",
    )
    blur_probability: _Probability = Field(0.0, description="Probability of a Gaussian blur; 0: none (public code).")
    noise_probability: _Probability = Field(0.2, description="Probability of Gaussian noise (public code).")
    unlabeled: Weight = Field(2.0, description="Full weight of the unlabelled crops' cross-entropy (public code, LA).")
    ramp_up_fraction: Fraction = Field(0.4, description=f"{RAMP_UP} Public code: 6,000 of 15,000 steps.")
    threshold: _Probability = Field(
        0.8, description="Least probability of a pseudo-label that counts (public code, LA)."
    )
    longest_period_steps: Annotated[int, Field(ge=1)] = Field(
        19, description="Steps after which the teachers change turns: uniform from 1 to it (public code, LA)."
    )
    teacher_decay: Rate = Field(0.99, description="Largest decay of both teachers' moving averages (public code).")
    box_beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        4.0,
        description="What a box leaves of a crop is drawn from Beta(b, b), its sides are the root of the rest (public "
        "code). Gap: for each crop, there once a step.",
    )


class CrossMatchConfig(CutMixSettings):
    """CrossMatch (Zhao et al., IEEE JBHI 2024, arXiv 2405.00354)."""

    contrast: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Contrast factors lie within this of 1. Gap: the code's bias field is left out."
    )
    brightness: Annotated[float, Field(ge=0, le=10)] = Field(
        0.0, description="Largest brightness added, in units of the normalised image."
    )
    gamma: Annotated[float, Field(ge=0, le=2)] = Field(
        0.5, description="Largest |ln g| of the gamma curve sign(x) |x|^g (public code)."
    )
    image: Weight = Field(0.5, description=f"Weight of the mean of both strong views' terms (public code). {_SPLIT}")
    teacher_distillation: Weight = Field(
        0.7, description="1 - eta: weight of the plain decoding as teacher of the perturbed ones (public code: 0.7)."
    )
    decoder_distillation: Weight = Field(
        0.3,
        description="eta: weight of each perturbed decoding as teacher of its own for a strong view (public code: "
        "0.3).",
    )
    weak_dropout: Rate = Field(0.25, description="Rate of the weak perturbation's channel dropout (public code).")
    strong_dropout: Rate = Field(0.75, description="Rate of the strong perturbation's channel dropout (public code).")
    first_threshold: _Probability = Field(
        0.52,
        description="Least probability of a pseudo-label that counts at the start. Gap: the code's 0.75 is multiplied "
        "by ln 2, as if it were an entropy.",
    )
    last_threshold: _Probability = Field(
        0.67, description="The same at the end, risen as exp(-5 (1 - t / t_max)^2) (the code's at its 14,000 steps)."
    )

"""Settings of SimCVD itself; "Eq.", "Table" and "Gap" as in `settings`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from simcvd.config.methods import MethodSettings
from simcvd.config.types import Fraction, Rate, Settings, Weight


class LossConfig(Settings):
    """Weights of SimCVD's Eq. 6; 0 means that the term is not computed."""

    sdm: Weight = Field(0.1, description="alpha: MSE of the signed distance map on labelled data (Eq. 1).")
    contrast: Weight = Field(0.5, description="lambda: boundary-aware contrast (Eqs. 2, 3).")
    distillation: Weight = Field(0.1, description="beta: pairwise distillation (Eq. 4).")
    consistency: Weight = Field(0.1, description="gamma: consistency (Eq. 5).")
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(0.5, description="tau of Eq. 2.")
    ramp_up_fraction: Fraction = Field(
        1.0, description="Fraction of all steps after which lambda, beta and gamma have their full weight."
    )


class ContrastConfig(Settings):
    """The rows of Eq. 2."""

    similarity: Literal["cosine", "dot"] = Field("cosine", description="Rows are L2-normalised, or not. Gap.")
    rows: Annotated[int, Field(ge=2)] | None = Field(
        None, description="Rows in the denominator, drawn at random; none: all rows of the unlabelled part. Gap."
    )
    gather: bool = Field(True, description="Gather rows from all workers.")


class ProjectionConfig(Settings):
    """Projection head H (sec. III-B)."""

    dropout: Rate = Field(0.1, description="p of the alpha dropout (Table IV).")
    pool_size: Annotated[int, Field(ge=1)] = Field(128, description="s of the s x s adaptive pooling (Table IV).")
    pooling: Literal["average", "max"] = Field("average", description="Adaptive pooling (Table III).")
    hidden: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        (256, 128), description="Hidden widths of the three-layer MLP. Gap."
    )
    features: Annotated[int, Field(ge=1)] = Field(128, description="F, the embedding width. Gap.")


class SimCVDConfig(MethodSettings):
    """Other readings of what the paper of SimCVD leaves open, each off by default."""

    BEFORE: ClassVar[Mapping[str, Any]] = {
        "ramp_on": "all",
        "feature": "noisy",
        "shared_head": False,
        "negatives": "unlabeled",
        "teacher_view": "same",
        "positions": "mean",
    }

    ramp_on: Literal["all", "consistency"] = Field(
        "all",
        description="Weights that ramp up: lambda, beta and gamma, or gamma alone, as the name Psi_con may be read. "
        "Gap.",
    )
    feature: Literal["noisy", "clean"] = Field(
        "noisy",
        description="Image in the boundary-aware feature: each network's own with its noise, or the one X of the "
        "paper's formula. Gap.",
    )
    shared_head: bool = Field(
        False,
        description="One projection head for both networks, the trained one; false: the teacher has its own. Gap.",
    )
    negatives: Literal["unlabeled", "all"] = Field(
        "unlabeled",
        description="Slices among the negatives of Eq. 2: of unlabelled crops, or of labelled ones too, which the "
        "teacher then sees as well. Gap.",
    )
    teacher_view: Literal["same", "flip", "turn"] = Field(
        "same",
        description="What the teacher sees of an unlabelled crop: the same, mirrored along X or Y, or turned by "
        "quarters in the XY plane, drawn for each step; undone before Eqs. 4 and 5 (sec. III-B asks for two views). "
        "Gap.",
    )
    positions: Literal["mean", "sum"] = Field(
        "mean", description="Over positions of Eq. 4: their mean, or the paper's sum. Gap."
    )

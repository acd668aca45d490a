"""Every setting of a trial, with its unit, range, default and source.

Sources: "Eq." and "Table" are You et al., IEEE TMI 41(9), 2022, doi 10.1109/TMI.2022.3161829. "Gap" marks a decision
where the paper is silent. Nothing rewrites a value after validation.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from simcvd.config.augment import AugmentConfig
from simcvd.config.later import ADMTConfig, BCPConfig, CrossMatchConfig, UniMatchConfig
from simcvd.config.methods import (
    ChaitanyaConfig,
    CPSConfig,
    DANConfig,
    DTCConfig,
    EntropyMinConfig,
    ICTConfig,
    MeanTeacherConfig,
    MethodSettings,
    SASSNetConfig,
    SupervisedConfig,
    UAMTConfig,
)
from simcvd.config.network import FIXED_MULTIPLES, NetworkConfig, NetworkSettings, SwinUNETRConfig
from simcvd.config.simcvd import ContrastConfig, LossConfig, ProjectionConfig, SimCVDConfig
from simcvd.config.types import Fold, Fraction, Rate, Seed, Settings, Vox3, Weight

OwnSettings = TypeVar("OwnSettings", bound=Settings)


class DataConfig(Settings):
    """What a training step draws from the data set."""

    labeled: Annotated[int, Field(ge=1)] | Literal["all"] | None = Field(
        None,
        description=(
            "Labelled training cases; all: each that has a label; none takes the data set's own split. The rest are "
            "unlabelled. Where none are left, unlabelled crops come from the labelled cases, without their labels."
        ),
    )
    label_split: Seed | None = Field(
        None, description="Seed that draws the labelled cases at random; none takes the first of the training list."
    )
    fold: Fold | None = Field(
        None,
        description=(
            "Cross-validation, `[number, parts]`: the labelled cases are divided into so many parts, groups whole; the "
            "trial sees nothing of part `number` (from 0) in training and validates on it besides the val cases."
        ),
    )
    train_on_val: bool = Field(
        False, description="Train on the val cases, too, as labelled ones after the others, and validate on nothing."
    )
    crop_vox: Vox3 = Field((112, 112, 80), description="Training crop and inference window in voxels (sec. IV, LA).")

    @field_validator("train_on_val")
    @classmethod
    def _not_in_a_fold(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("fold") is not None:
            raise ValueError("expected false where data.fold is set, which validates on cases that are held out")
        return value

    def unread(self) -> set[str]:
        """Return how cases are held out and kept, where that is as all trials of version 0.2 did it."""
        return {name for name, usual in (("fold", None), ("train_on_val", False)) if getattr(self, name) == usual}


class TrainingConfig(Settings):
    """Optimisation (sec. IV)."""

    steps: Annotated[int, Field(ge=1)] = Field(6000, description="Training steps.")
    batch_labeled: Annotated[int, Field(ge=1)] = Field(2, description="Labelled crops a step, over all workers.")
    batch_unlabeled: Annotated[int, Field(ge=1)] = Field(2, description="Unlabelled crops a step, over all workers.")
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(0.01, description="SGD learning rate.")
    learning_rate_drop_fraction: Fraction = Field(
        0.5,
        description="The learning rate is divided by 10 each time this fraction of the steps is done (3,000 of 6,000).",
    )
    momentum: Rate = Field(0.9, description="SGD momentum.")
    weight_decay: Weight = Field(5e-4, description="SGD weight decay.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where the device computes it fast and right, else float32."
    )
    compile: bool = Field(False, description="Run the networks through torch.compile.")
    checkpoint_every_steps: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Steps between checkpoints; none: one a minute."
    )
    log_every_steps: Annotated[int, Field(ge=1)] = Field(20, description="Steps between lines of log.jsonl.")
    validate_every_steps: Annotated[int, Field(ge=1)] | None = Field(
        1000, description="Steps between validations; none: only after the last step."
    )
    gradient_norms_every_steps: Annotated[int, Field(ge=1)] | None = Field(
        250, description="Steps between measurements of each term's weighted gradient norm; none: never."
    )


class EMAConfig(Settings):
    """Teacher = exponential moving average of the student."""

    decay: Annotated[float, Field(ge=0, lt=1)] | Literal["auto"] = Field(
        "auto", description="auto: min(0.999, 1 - 6 / steps), the paper's 0.999 at its 6,000 steps. Gap for short runs."
    )
    buffers: Literal["own", "average"] = Field("own", description="Batch-norm buffers of the teacher. Gap.")


class NoiseConfig(Settings):
    """Input perturbation clip(std * randn, -clip, clip) of Eq. 5, in units of the normalised image."""

    std: Weight = Field(0.1, description="Standard deviation.")
    clip: Weight = Field(0.2, description="Largest absolute value.")


class SDMConfig(Settings):
    """Target of the SDM head."""

    scope: Literal["case", "patch"] = Field(
        "case",
        description="Computed once over the whole case, or anew on each crop as the field's public code does. Gap.",
    )
    absent: Literal["outside", "zero"] = Field(
        "outside",
        description="Map of a class that is not there: +1 everywhere, since all of it is outside; zero as in the "
        "public code of DTC and SASSNet, for maps of crops (`sdm.scope=patch`). Gap.",
    )

    @model_validator(mode="after")
    def _zero_on_crops_alone(self) -> "SDMConfig":
        if self.absent == "zero" and self.scope == "case":
            raise ValueError(
                "sdm.absent is zero with sdm.scope=case, expected outside, or sdm.scope=patch: maps of whole cases are "
                "made with the data set"
            )
        return self

    def unread(self) -> set[str]:
        """Return how absent classes are treated where it is as all trials before the setting had it."""
        return {"absent"} if self.absent == "outside" else set()


class InferenceConfig(Settings):
    """Sliding window."""

    stride_vox: Vox3 = Field((18, 18, 4), description="Stride in voxels (sec. IV, LA).")
    batch_windows: Annotated[int, Field(ge=1)] = Field(4, description="Windows a forward pass.")


class TrialConfig(Settings):
    """All settings of one trial."""

    method: str = Field("simcvd", description="Training method; `simcvd methods` lists them.")
    seed: Seed = Field(0, description="Seed of initial weights, data order and every draw.")
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    loss: LossConfig = LossConfig()
    contrast: ContrastConfig = ContrastConfig()
    projection: ProjectionConfig = ProjectionConfig()
    network: NetworkConfig = NetworkConfig()
    ema: EMAConfig = EMAConfig()
    noise: NoiseConfig = NoiseConfig()
    augment: AugmentConfig = AugmentConfig()
    sdm: SDMConfig = SDMConfig()
    inference: InferenceConfig = InferenceConfig()
    simcvd: SimCVDConfig = SimCVDConfig()
    swin_unetr: SwinUNETRConfig = SwinUNETRConfig()
    supervised: SupervisedConfig = SupervisedConfig()
    mean_teacher: MeanTeacherConfig = MeanTeacherConfig()
    ua_mt: UAMTConfig = UAMTConfig()
    entropy_min: EntropyMinConfig = EntropyMinConfig()
    cps: CPSConfig = CPSConfig()
    ict: ICTConfig = ICTConfig()
    dan: DANConfig = DANConfig()
    sassnet: SASSNetConfig = SASSNetConfig()
    dtc: DTCConfig = DTCConfig()
    chaitanya: ChaitanyaConfig = ChaitanyaConfig()
    unimatch: UniMatchConfig = UniMatchConfig()
    bcp: BCPConfig = BCPConfig()
    ad_mt: ADMTConfig = ADMTConfig()
    crossmatch: CrossMatchConfig = CrossMatchConfig()

    @model_validator(mode="after")
    def _crop_fits_the_network(self) -> "TrialConfig":
        divisors = self.crop_multiples
        if any(side % divisor for side, divisor in zip(self.data.crop_vox, divisors, strict=True)):
            sides, multiples = (" x ".join(map(str, found)) for found in (self.data.crop_vox, divisors))
            even = len(set(divisors)) == 1
            raise ValueError(
                f"data.crop_vox is {sides}, expected multiples of {divisors[0] if even else multiples}: the network "
                f"{self.network.name} divides each side by so much (network.strides)"
            )
        if self.method == "simcvd" and self.simcvd.teacher_view == "turn" and len(set(divisors[:2])) > 1:
            raise ValueError(
                "simcvd.teacher_view is turn, but the network divides X and Y by different numbers (network.strides), "
                "and a turned crop does not fit it; use flip or same"
            )
        if any(s > c for s, c in zip(self.inference.stride_vox, self.data.crop_vox, strict=True)):
            raise ValueError("inference.stride_vox is larger than data.crop_vox, so windows would leave voxels unseen")
        return self

    def unread(self) -> set[str]:
        """Return the sections of other methods and networks, and those of which nothing is read."""
        own = {MethodSettings: self.method, NetworkSettings: self.network.name}
        nothing = {n for n, v in self if isinstance(v, Settings) and v.unread() == set(type(v).model_fields)}
        others = {n for n, v in self for kind, read in own.items() if isinstance(v, kind) and n != read}
        return nothing | others

    @property
    def crop_multiples(self) -> Vox3:
        """What the network divides each side of a crop by."""
        return FIXED_MULTIPLES.get(self.network.name) or self.network.reduction()

    def section(self, kind: type[OwnSettings]) -> OwnSettings:
        """Return the section that is of a class, such as that of a plug-in's own settings.

        Raises:
            ValueError: there is none.
        """
        for _, value in self:
            if isinstance(value, kind):
                return value
        raise ValueError(f"no section of the settings is a {kind.__name__}")

    @property
    def labeled_crops(self) -> int:
        """Labelled crops a step, over all workers."""
        whole = self.method == "supervised" and self.supervised.whole_batch
        return self.training.batch_labeled + (self.training.batch_unlabeled if whole else 0)

    @property
    def ema_decay(self) -> float:
        """Largest decay of the teacher's moving average."""
        return min(0.999, 1 - 6 / max(self.training.steps, 7)) if self.ema.decay == "auto" else self.ema.decay

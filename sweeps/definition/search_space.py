"""What a sweep file says of a search: the range of each setting, and how many are tried how long."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Number = float | int
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Space(_Model):
    """Values of one searched setting: exactly one of the ways below."""

    uniform: Pair | None = Field(None, description="Lowest and highest value, drawn evenly.")
    loguniform: Pair | None = Field(None, description="Lowest and highest value above 0, drawn evenly by logarithm.")
    integer: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Lowest and highest whole number."
    )
    choice: Annotated[list[Any], Field(min_length=2)] | None = Field(None, description="Values to choose from.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of uniform, loguniform, integer and choice, found {len(given)}")
        if self.choice is None:
            low, high = getattr(self, given[0])
            if not low < high:
                raise ValueError(f"{given[0]} goes from {low} to {high}; expected the lower value first")
            if given[0] == "loguniform" and low <= 0:
                raise ValueError(f"loguniform starts at {low}, expected more than 0")
        elif any(value in self.choice[:index] for index, value in enumerate(self.choice)):
            raise ValueError("choice lists a value twice")
        return self


class Strategy(_Model):
    """How a search spends its time."""

    trials: Annotated[int, Field(ge=2)] = Field(
        20, description="Settings to try, those that are stopped early and failed ones included."
    )
    fidelity: Literal["truncate", "schedule", "folds", "full"] = Field(
        "truncate",
        description="truncate: settings are compared some way through the full training, and the better ones go on; "
        "schedule: after complete shorter trainings, and the better ones train anew for longer; folds: after each of "
        "several full trainings, which hold out one part of the labelled cases after the other; full: nothing is "
        "stopped early.",
    )
    folds: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Parts into which the labelled cases are divided; with fidelity folds, and needed there. A setting "
        "is judged by the val cases and every held-out case together.",
    )
    rungs: list[Annotated[float, Field(gt=0, lt=1)]] | None = Field(
        None,
        min_length=1,
        description="Where settings are compared, in parts of training.steps. Default: 0.6 for schedule; 0.6 and 0.8 "
        "of loss.ramp_up_fraction for truncate, since before that the unsupervised weights are almost zero.",
    )
    reduction: Annotated[float, Field(gt=1)] = Field(
        3.0, description="Of so many settings compared at a rung, the best one goes on."
    )
    pruner: Literal["halving", "wilcoxon"] = Field(
        "halving",
        description="halving: the best of `reduction` go on; wilcoxon: those go on that are not significantly worse "
        "than the best so far on the same val cases.",
    )
    pruner_p: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="Threshold of the Wilcoxon pruner.")
    sampler: Literal["tpe", "gp", "cmaes"] = Field(
        "tpe",
        description="Optuna's sampler: tree-structured Parzen estimator, Gaussian process, or CMA-ES, which draws "
        "choices at random and needs a package: pip install 'simcvd[cmaes]'.",
    )
    sampler_seed: Annotated[int, Field(ge=0)] = Field(0, description="Seed of the settings that are drawn.")
    start: list[dict[str, Any]] = Field(
        [], description="Settings to try first, after the base's own, which always come first."
    )
    confirm_seeds: Annotated[int, Field(ge=0, le=1000)] = Field(
        3, description="Fresh seeds that the best settings and the base's own are trained with at the end."
    )

    @model_validator(mode="after")
    def _folds_with_their_fidelity(self) -> Self:
        if (self.fidelity == "folds") != (self.folds is not None):
            raise ValueError("folds and fidelity: folds belong together; give both or neither")
        if self.folds is not None and self.rungs is not None:
            raise ValueError("with fidelity: folds settings are compared after each fold; drop rungs")
        return self

    @model_validator(mode="after")
    def _rungs_rise(self) -> Self:
        if self.rungs is not None and any(b <= a for a, b in zip(self.rungs, self.rungs[1:], strict=False)):
            raise ValueError("rungs must rise, each listed once")
        return self


SearchSpace = Annotated[Mapping[str, Space], Field(min_length=1)]

"""What all settings are made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Vox3 = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
_Stride = Annotated[int, Field(ge=1, le=2)]
_Stride3 = tuple[_Stride, _Stride, _Stride]
Strides = tuple[_Stride3, _Stride3, _Stride3, _Stride3]
"""Along X, Y and Z, of the V-Net's four ways down, the finest first."""
HALVING: Strides = ((2, 2, 2),) * 4

MOST_SEED = 2**63
"""Seeds are below it: records hold them in 64 bits."""
Seed = Annotated[int, Field(ge=0, lt=MOST_SEED)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]


def _one_of_its_parts(fold: tuple[int, int]) -> tuple[int, int]:
    number, parts = fold
    if parts < 2:
        raise ValueError("expected [number, parts] with 2 parts or more")
    if number >= parts:
        raise ValueError(f"the {parts} parts are numbered from 0 to {parts - 1}")
    return fold


Fold = Annotated[
    tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]],
    AfterValidator(_one_of_its_parts),
]
"""A part of several: its number, counted from 0, and how many there are."""


class Settings(BaseModel):
    """Base of all settings: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def unread(self) -> set[str]:
        """Return the fields that change nothing, given the others; a trial's identity leaves them out."""
        return set()

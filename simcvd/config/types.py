"""What all settings are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

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


class Settings(BaseModel):
    """Base of all settings: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def unread(self) -> set[str]:
        """Return the fields that change nothing, given the others; a trial's identity leaves them out."""
        return set()

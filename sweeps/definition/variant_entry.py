"""One row of a sweep as written or generated, and how settings are keyed and named in it."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from simcvd.nested import dotted

DEFAULT_ROW = "default"
"""Name of the row that changes nothing."""


class SweepModel(BaseModel):
    """Base of what a sweep file holds: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class VariantEntry(SweepModel):
    """One named row of the table and the settings that make it."""

    name: Annotated[str, Field(min_length=1)] = Field(description="Row name in tables and figures.")
    group: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Heading that it stands under, with the variants of the same group next to it."
    )
    published: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Its row in the published table, where that has another name."
    )
    set: dict[str, Any] = Field({}, description="Dotted settings that differ from the base.")

    @field_validator("set")
    @classmethod
    def _dotted(cls, value: dict[str, Any]) -> dict[str, Any]:
        return dotted(value)


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Name each key by its last word, or in full where two end alike.

    >>> short_names(["loss.sdm", "noise.std", "other.std"])
    {'loss.sdm': 'sdm', 'noise.std': 'noise.std', 'other.std': 'other.std'}
    """
    last = {key: key.rsplit(".", 1)[-1] for key in keys}
    words = list(last.values())
    return {key: word if words.count(word) == 1 else key for key, word in last.items()}

"""Grid axes: settings that are varied together, some of them only where others have certain values."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Final

from pydantic import Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from simcvd.errors import UserError
from simcvd.nested import dotted
from sweeps.definition.variant_entry import DEFAULT_ROW, SweepModel, VariantEntry, short_names

MOST_TRAININGS: Final = 100_000
"""Of one sweep; more are a mistake, and to plan them takes minutes and gigabytes."""


class ConditionalAxis(SweepModel):
    """A setting that is varied only where others have certain values; elsewhere it keeps the base's."""

    values: Annotated[list[Any], Field(min_length=1)] = Field(description="Values of the setting.")
    when: Annotated[dict[str, Any], Field(min_length=1)] = Field(
        description="Other settings, each with the value or the list of values that it must have."
    )

    @field_validator("when")
    @classmethod
    def _dotted(cls, value: dict[str, Any]) -> dict[str, Any]:
        return dotted(value)


def _kind(value: Any) -> str:
    return "conditional" if isinstance(value, Mapping | ConditionalAxis) else "plain"


Axis = Annotated[
    Annotated[list[Any], Field(min_length=1), Tag("plain")] | Annotated[ConditionalAxis, Tag("conditional")],
    Discriminator(_kind),
]
Axes = Annotated[dict[str, Axis], Field(min_length=1)]


def axis_values(axis: list[Any] | ConditionalAxis) -> list[Any]:
    """Return the values of an axis of either form."""
    return axis.values if isinstance(axis, ConditionalAxis) else axis


def conditions(axis: list[Any] | ConditionalAxis) -> dict[str, Any]:
    """Return what an axis depends on: nothing for a plain one."""
    return axis.when if isinstance(axis, ConditionalAxis) else {}


def holds(wanted: Any, value: Any) -> bool:
    """Tell whether a setting has the value asked for, or one of those.

    >>> holds(["simcvd", "ua_mt"], "ua_mt"), holds([32, 32, 32], [32, 32, 32]), holds(0.5, 1)
    (True, True, False)
    """
    return bool(value == wanted) or (isinstance(wanted, list) and value in wanted)


def in_order(axes: Mapping[str, list[Any] | ConditionalAxis]) -> list[str]:
    """Return the axes as written, but each after those that it depends on.

    Raises:
        PydanticCustomError: they depend on each other in a circle.
    """
    needs = {key: [other for other in conditions(axis) if other in axes] for key, axis in axes.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        told = {"circle": " and ".join(sorted(set(circle))), "path": ["axes", circle[0], "when"]}
        raise PydanticCustomError("sweep", "the conditions of {circle} depend on each other; drop one", told) from error
    order: list[str] = []
    while left := [key for key in axes if key not in order]:
        order.append(next(key for key in left if not any(other in left for other in needs[key])))
    return order


def axis_rows(axes: Mapping[str, list[Any] | ConditionalAxis], base: Mapping[str, Any]) -> list[VariantEntry]:
    """Return a row for each combination of values, those of inactive axes left out.

    Args:
        axes: the axes.
        base: values that settings have where no axis sets them; asked for by conditions only.

    Raises:
        UserError: there are more than `MOST_TRAININGS`.
    """
    names = short_names(axes)
    rows: list[VariantEntry] = []
    for settings in _combinations(axes, in_order(axes), {}, base):
        if len(rows) == MOST_TRAININGS:
            raise UserError(f"The axes {', '.join(axes)} make more than {MOST_TRAININGS:,} variants; shorten some.")
        name = ", ".join(f"{names[key]}={_shown(settings[key])}" for key in axes if key in settings)
        rows.append(VariantEntry(name=name or DEFAULT_ROW, set={key: settings[key] for key in axes if key in settings}))
    return rows


def _combinations(
    axes: Mapping[str, list[Any] | ConditionalAxis],
    order: list[str],
    chosen: Mapping[str, Any],
    base: Mapping[str, Any],
) -> Iterator[Mapping[str, Any]]:
    if not order:
        yield chosen
        return
    key, *rest = order
    asked = conditions(axes[key])
    if all(holds(wanted, chosen[other] if other in chosen else base[other]) for other, wanted in asked.items()):
        for value in axis_values(axes[key]):
            yield from _combinations(axes, rest, {**chosen, key: value}, base)
    else:
        yield from _combinations(axes, rest, chosen, base)


def _shown(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)

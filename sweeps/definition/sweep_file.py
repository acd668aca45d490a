"""What a sweep file holds: a base, what varies, and over which seeds and label splits."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from analysis.runs.sweep import Sides
from simcvd.config import DEFAULT_PRESET, apply_settings, load_preset
from simcvd.config.edit import flatten
from simcvd.config.types import Seed
from simcvd.files import fitting_name
from simcvd.metrics.names import MetricName
from simcvd.nested import dotted
from sweeps.definition.ablation import Ablation
from sweeps.definition.axes import Axes, axis_rows, conditions, in_order
from sweeps.definition.search_space import SearchSpace, Strategy
from sweeps.definition.variant_entry import DEFAULT_ROW, SweepModel, VariantEntry

PRESET: Literal["preset"] = "preset"
LABEL_SPLIT = "data.label_split"
WAYS = ("axes", "variants", "include", "ablation", "search")
"""How a sweep varies settings: one of these."""


class SweepFile(SweepModel):
    """A sweep as written in YAML: a base, what varies and over which seeds."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Folder under RUNS/sweeps; of one that is too long the first letters and a hash.",
    )
    description: str = Field("", description="One line for `simcvd sweeps`.")
    base: dict[str, Any] = Field({}, description="`preset` and dotted settings that all variants share.")
    axes: Axes | None = Field(
        None,
        description="Values of each swept setting; several settings give all combinations. With `values` and `when`, a "
        "setting is varied only where others have certain values.",
    )
    variants: Annotated[list[VariantEntry], Field(min_length=1)] | None = Field(
        None, description="Rows named one by one."
    )
    include: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="Sweeps whose variants make up this one, a group each; what several of them have is listed once, "
        "where it comes first.",
    )
    ablation: Ablation | None = Field(None, description="Terms that are switched off, each or all but each.")
    search: SearchSpace | None = Field(None, description="Range of each setting that is searched, on val cases.")
    strategy: Strategy = Field(Strategy(), description="How a search spends its time; with `search` only.")
    reference: str | dict[str, Any] | None = Field(
        None, description="Variant that the others are tested against: its name or settings that single it out."
    )
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(
        [0], description="Seeds that each variant is trained with."
    )
    label_splits: Annotated[list[Seed], Field(min_length=1)] | None = Field(
        None,
        description="Seeds that draw the labelled cases: each variant is trained with each seed on each of these "
        "draws, which are the same for all variants.",
    )
    metric: MetricName = Field("dice", description="Metric of the ablation table.")
    also: list[MetricName] = Field([], description="Further metrics; all are then shown in one table, `metric` first.")
    test: Sides = Field(
        "two-sided",
        description="What the paired tests ask for: any difference, or the reference being better (`one-sided`, as in "
        "the paper).",
    )
    labels: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {}, description="What figures call a setting, by dotted key, such as `p`; no two alike."
    )
    plugins: list[str] = Field(
        [], description="Python files with methods and networks of your own, as paths from this file's folder."
    )
    published: str | None = Field(None, description="Key of the published table that belongs to this sweep.")

    @model_validator(mode="before")
    @classmethod
    def _reference_of_generated_rows(cls, content: Any) -> Any:
        """Compare with the row that changes nothing, unless the file says otherwise."""
        if not isinstance(content, Mapping) or "reference" in content:
            return content
        if content.get("search") is not None:
            return {**content, "reference": DEFAULT_ROW}
        if isinstance(ablation := content.get("ablation"), Mapping):
            return {**content, "reference": ablation.get("full", Ablation.model_fields["full"].default)}
        return content

    @field_validator("name")
    @classmethod
    def _as_a_folder(cls, value: str) -> str:
        return fitting_name(value)

    @field_validator("base")
    @classmethod
    def _dotted(cls, value: dict[str, Any]) -> dict[str, Any]:
        return dotted(value)

    @field_validator("labels")
    @classmethod
    def _no_label_twice(cls, value: dict[str, str]) -> dict[str, str]:
        if len(set(value.values())) < len(value):
            raise ValueError("two settings are called the same")
        return value

    @field_validator("seeds", "label_splits")
    @classmethod
    def _no_seed_twice(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("a seed is given twice")
        return value

    @field_validator("axes")
    @classmethod
    def _no_circle(cls, value: Axes | None) -> Axes | None:
        in_order(value or {})
        return value

    @model_validator(mode="after")
    def _no_metric_twice(self) -> Self:
        metrics = [self.metric, *self.also]
        if len(set(metrics)) < len(metrics):
            raise _problem(f"metric and also name a metric twice: {', '.join(metrics)}", "also")
        return self

    @model_validator(mode="after")
    def _one_way_to_vary(self) -> Self:
        given = [way for way in WAYS if getattr(self, way) is not None]
        if len(given) != 1:
            found = f", found {' and '.join(given)}" if given else ""
            raise _problem(f"expected one of {', '.join(WAYS[:-1])} and {WAYS[-1]}{found}", *given[1:2])
        names = [variant.name for variant in self.variants or ()]
        if len(set(names)) < len(names):
            again = next(place for place, name in enumerate(names) if name in names[:place])
            raise _problem("two variants have the same name", "variants", again)
        return self

    @model_validator(mode="after")
    def _groups_stand_together(self) -> Self:
        groups = [group for group, _ in itertools.groupby(variant.group for variant in self.variants or ()) if group]
        if len(set(groups)) < len(groups):
            apart = next(group for group in groups if groups.count(group) > 1)
            raise _problem(
                f"the variants of the group {apart} don't stand together; put them next to each other", "variants"
            )
        return self

    @model_validator(mode="after")
    def _search_alone(self) -> Self:
        if self.search is None:
            if "strategy" in self.model_fields_set:
                raise _problem("belongs to a search; add search, or drop strategy", "strategy")
            return self
        if self.label_splits is not None:
            raise _problem("a search has one draw of labelled cases; set data.label_split in base", "label_splits")
        for key in ("seed", LABEL_SPLIT):
            if key in self.search:
                raise _problem("is luck, not a setting to search; name seeds under seeds", "search", key)
        for key in ("data.fold", "data.train_on_val"):
            if key in self.search:
                raise _problem("decides which cases settings are compared on; set it in base", "search", key)
        return self

    @model_validator(mode="after")
    def _labels_drawn_once(self) -> Self:
        if self.label_splits is not None and LABEL_SPLIT in {*self.base, *self.swept}:
            raise _problem(f"{LABEL_SPLIT} is set by the sweep itself as well; keep one of them", "label_splits")
        return self

    @property
    def rows(self) -> list[VariantEntry]:
        """The variants, those that are generated with the names that they get."""
        return self.rows_on(None)

    def rows_on(self, values: Mapping[str, Any] | None) -> list[VariantEntry]:
        """Return the variants on a base.

        Args:
            values: every setting's value where no axis sets it; None takes the file's own preset and base.
        """
        if self.variants is not None:
            return self.variants
        if self.ablation is not None:
            return self.ablation.rows
        if self.search is not None:
            return [VariantEntry(name=DEFAULT_ROW)]
        if self.axes is None:
            return []
        if values is None:
            values = self._own_values() if any(conditions(axis) for axis in self.axes.values()) else {}
        return axis_rows(self.axes, values)

    @property
    def swept(self) -> frozenset[str]:
        """Dotted keys that differ between variants, or that are searched."""
        if self.axes is not None:
            return frozenset(self.axes)
        return frozenset(key for row in self.rows for key in row.set) | frozenset(self.search or ())

    @property
    def set_by_all(self) -> frozenset[str]:
        """Dotted keys that every variant sets itself, so that a value given for all of them would reach none."""
        return frozenset.intersection(*(frozenset(row.set) for row in self.rows))

    def kept(self, changes: Iterable[str]) -> dict[str, list[str]]:
        """Return the keys of `changes` that some variants but not all set themselves, each with their names."""
        own = {key: [row.name for row in self.rows if key in row.set] for key in changes if key not in self.set_by_all}
        return {key: names for key, names in own.items() if names}

    @property
    def preset(self) -> str:
        """The preset that its base names, or the one that stands in."""
        return str(self.base.get(PRESET, DEFAULT_PRESET))

    @property
    def base_settings(self) -> dict[str, Any]:
        """Dotted settings of its base, without the preset."""
        return {key: value for key, value in self.base.items() if key != PRESET}

    def _own_values(self) -> dict[str, Any]:
        return flatten(apply_settings(load_preset(self.preset), self.base_settings))


def _problem(reason: str, *path: str | int) -> PydanticCustomError:
    return PydanticCustomError("sweep", "{reason}", {"reason": reason, "path": list(path)})

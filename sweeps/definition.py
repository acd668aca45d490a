"""Sweep files: what to compare, read and checked before anything runs."""

import difflib
import itertools
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from simcvd.errors import UserError

Seed = Annotated[int, Field(ge=0)]
Metric = Literal["dice", "jaccard", "hd95_vox", "asd_vox", "assd_vox", "hd95_mm", "asd_mm", "assd_mm"]
PRESET = "preset"
DEFAULT_PRESET = "la"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class VariantEntry(_Model):
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


class SweepFile(_Model):
    """A sweep as written in YAML: a base, what varies and over which seeds."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Folder under RUNS/sweeps.")
    description: str = Field("", description="One line for `simcvd sweeps`.")
    base: dict[str, Any] = Field({}, description="`preset` and dotted settings that all variants share.")
    axes: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = Field(
        None, min_length=1, description="Values of each swept setting; several settings give all combinations."
    )
    variants: Annotated[list[VariantEntry], Field(min_length=1)] | None = Field(
        None, description="Rows named one by one."
    )
    include: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="Sweeps whose variants make up this one, a group each; what several of them have is listed once, "
        "where it comes first.",
    )
    reference: str | dict[str, Any] | None = Field(
        None, description="Variant that the others are tested against: its name or settings that single it out."
    )
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(
        [0], description="Seeds that each variant is trained with."
    )
    metric: Metric = Field("dice", description="Metric of the ablation table.")
    also: list[Metric] = Field([], description="Further metrics; all are then shown in one table, `metric` first.")
    published: str | None = Field(None, description="Key of the published table that belongs to this sweep.")

    @field_validator("base")
    @classmethod
    def _dotted(cls, value: dict[str, Any]) -> dict[str, Any]:
        return dotted(value)

    @field_validator("seeds")
    @classmethod
    def _no_seed_twice(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise ValueError("a seed is given twice")
        return value

    @model_validator(mode="after")
    def _no_metric_twice(self) -> Self:
        metrics = [self.metric, *self.also]
        if len(set(metrics)) < len(metrics):
            raise ValueError(f"metric and also name a metric twice: {', '.join(metrics)}")
        return self

    @model_validator(mode="after")
    def _one_way_to_vary(self) -> Self:
        if sum(way is not None for way in (self.axes, self.variants, self.include)) != 1:
            raise ValueError("expected one of axes, variants and include")
        names = [variant.name for variant in self.variants or ()]
        if len(set(names)) < len(names):
            raise ValueError("two variants have the same name")
        return self

    @model_validator(mode="after")
    def _groups_stand_together(self) -> Self:
        groups = [group for group, _ in itertools.groupby(variant.group for variant in self.variants or ()) if group]
        if len(set(groups)) < len(groups):
            apart = next(group for group in groups if groups.count(group) > 1)
            raise ValueError(f"the variants of the group {apart} don't stand together; put them next to each other")
        return self

    @property
    def rows(self) -> list[VariantEntry]:
        """The variants, those of axes with the names that they get."""
        if self.variants is not None:
            return self.variants
        axes = self.axes or {}
        labels = {key: _short(key, axes) for key in axes}
        rows = []
        for values in itertools.product(*axes.values()):
            settings = dict(zip(axes, values, strict=True))
            name = ", ".join(f"{labels[key]}={_shown(value)}" for key, value in settings.items())
            rows.append(VariantEntry(name=name, set=settings))
        return rows

    @property
    def swept(self) -> frozenset[str]:
        """Dotted keys that differ between variants."""
        return frozenset(key for row in self.rows for key in row.set)

    @property
    def set_by_all(self) -> frozenset[str]:
        """Dotted keys that every variant sets itself, so that a value given for all of them would reach none."""
        return frozenset.intersection(*(frozenset(row.set) for row in self.rows))

    def kept(self, changes: Iterable[str]) -> dict[str, list[str]]:
        """Return the keys of `changes` that some variants but not all set themselves, each with their names."""
        own = {key: [row.name for row in self.rows if key in row.set] for key in changes if key not in self.set_by_all}
        return {key: names for key, names in own.items() if names}


def load_sweep(name_or_path: str) -> SweepFile:
    """Read a sweep of the catalogue by its name, or a sweep file by its path.

    Raises:
        UserError: no such sweep, unreadable file, unknown key or wrong value.
    """
    sweep = _read_sweep(name_or_path)
    if sweep.include is None:
        return sweep
    parts = [_part(name, sweep) for name in sweep.include]
    # A file has either variants or include; from here on, it has the variants that it includes.
    return sweep.model_copy(update={"variants": [row for rows in parts for row in rows]})


def list_sweeps() -> list[SweepFile]:
    """Return the sweeps of the catalogue, by name."""
    return [load_sweep(name) for name in _catalogue()]


def parse_seeds(text: str) -> list[int]:
    """Read `--seeds`: a count, or seeds separated by commas (`7,` is the one seed 7).

    >>> parse_seeds("3")
    [0, 1, 2]
    >>> parse_seeds("0,2,5")
    [0, 2, 5]

    Raises:
        UserError: anything else, or a seed given twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1 and parts[-1] == "":
        parts.pop()
    if not all(part.isdecimal() for part in parts) or (text.strip().isdecimal() and int(text) == 0):
        raise UserError(f"--seeds is '{text}', expected a count such as 3 or seeds such as 0,1,2.")
    if "," not in text:
        return list(range(int(text)))
    seeds = [int(part) for part in parts]
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds is '{text}', which names a seed twice; name each once.")
    return seeds


def dotted(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings with dotted keys: `{"a": {"b": 1}}` becomes `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        flat |= dotted(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _short(key: str, axes: Mapping[str, Any]) -> str:
    last = key.rsplit(".", 1)[-1]
    return last if sum(other.rsplit(".", 1)[-1] == last for other in axes) == 1 else key


def _shown(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _part(name: str, whole: SweepFile) -> list[VariantEntry]:
    """Return the variants of a sweep that another one includes, with what its base sets."""
    part = _read_sweep(name)
    if part.include is not None:
        raise UserError(
            f"The sweep {whole.name} includes {name}, which includes others; name these: {', '.join(part.include)}."
        )
    own, theirs = (sweep.base.get(PRESET, DEFAULT_PRESET) for sweep in (part, whole))
    if own != theirs:
        raise UserError(
            f"The sweep {whole.name} has the preset {theirs} and includes {name}, which has {own}; give both the same."
        )
    base = {key: value for key, value in part.base.items() if key != PRESET}
    return [row.model_copy(update={"group": row.group or part.name, "set": base | row.set}) for row in part.rows]


def _read_sweep(name_or_path: str) -> SweepFile:
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        return _parse(_read(Path(name_or_path)), name_or_path)
    entries = _catalogue()
    if name_or_path not in entries:
        near = difflib.get_close_matches(name_or_path, entries, n=1)
        hint = f"; did you mean {near[0]}?" if near else ";"
        raise UserError(
            f"There is no built-in sweep '{name_or_path}'{hint} built in: {', '.join(entries)}; "
            "or give a path ending in .yaml."
        )
    return _parse(entries[name_or_path], f"sweep {name_or_path}")


def _catalogue() -> dict[str, str]:
    folder = resources.files("sweeps") / "catalog"
    files = {entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return {name: files[name].read_text() for name in sorted(files)}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"The sweep file {path} can't be read: {reason}.") from error


def _parse(text: str, origin: str) -> SweepFile:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"The sweep file {origin} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise UserError(f"The sweep file {origin} holds no mapping; expected keys such as name, base, axes and seeds.")
    if "search" in content:
        raise UserError(
            f"The sweep file {origin} has the key search, which this version can't run; "
            "list the values under axes or variants."
        )
    try:
        return SweepFile.model_validate(content)
    except ValidationError as error:
        raise UserError(f"The sweep file {origin} is wrong: {'; '.join(_problems(error))}.") from error


def _problems(error: ValidationError) -> list[str]:
    problems = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"])
        reason = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            known = ", ".join(SweepFile.model_fields if len(item["loc"]) == 1 else VariantEntry.model_fields)
            reason = f"unknown key, known are {known}"
        problems.append(f"{place}: {reason[0].lower()}{reason[1:]}" if place else reason)
    return list(dict.fromkeys(problems))

"""Dotted keys: presets, `--set a.b=value` and config files become validated settings."""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from simcvd.config.methods import MethodSettings
from simcvd.config.other_words import meant_keys
from simcvd.config.plugins import check_plugins_kept, trial_config
from simcvd.config.settings import TrialConfig
from simcvd.errors import UserError
from simcvd.nested import dotted
from simcvd.yaml_text import parse_value, read_yaml

DEFAULT_PRESET = "la"
PLAN = "plan"
"""Names the settings in a data set's own `plan.yaml`."""
PRESETS: dict[str, dict[str, Any]] = {
    "la": {},
    "pancreas": {
        "data": {"crop_vox": [96, 96, 96]},
        "inference": {"stride_vox": [16, 16, 16]},
    },
    # Small enough for two CPU cores and a minute. Dropout after the last block ruins runs this short.
    "phantom": {
        "data": {"crop_vox": [32, 32, 32]},
        "training": {"steps": 120, "checkpoint_every_steps": 40, "validate_every_steps": None},
        "projection": {"pool_size": 32},
        "network": {"width": 8, "dropout_last": 0.0},
        "inference": {"stride_vox": [16, 16, 16]},
    },
}
"""Named starting points: what differs from the defaults, which are the paper's Left Atrium settings."""

_WHOLE = re.compile("-?(0|[1-9][0-9]{0,18})")


def dotted_keys() -> dict[str, Any]:
    """Map every setting's dotted key to its default value."""
    return flatten(trial_config()())


def flatten(config: TrialConfig) -> dict[str, Any]:
    """Map every dotted key to the value that `config` gives it (JSON types)."""
    return dotted(config.model_dump(mode="json"))


def load_preset(name: str, plan: Mapping[str, Any] | None = None) -> TrialConfig:
    """Return the settings of the preset `name`.

    Args:
        name: one of `PRESETS`, or `plan`.
        plan: what the data set's plan sets, where it has one.

    Raises:
        UserError: no such preset, or a data set without plan.
    """
    if name == PLAN:
        if plan is None:
            raise UserError(
                f"The data set has no plan.yaml for the preset '{PLAN}'; `simcvd prepare` writes one for scans that "
                f"have no preset of their own. Other presets are {', '.join(PRESETS)}."
            )
        return from_mapping(plan, origin="the data set's plan.yaml")
    if name not in PRESETS:
        known = [*PRESETS, PLAN]
        raise UserError(f"There is no preset '{name}';{_hint(name, known)} presets are {', '.join(known)}.")
    return from_mapping(PRESETS[name], origin=f"preset {name}")


def from_file(path: Path) -> TrialConfig:
    """Read settings from YAML; a trial's `config.yaml` reproduces the trial, also one of an earlier version.

    Raises:
        UserError: unreadable file, unknown key or value out of range, or plug-ins beside it that are not loaded.
    """
    check_plugins_kept(path.parent)
    content = read_yaml(path, "settings file", "training.steps").content
    of_trial = (path.parent / "environment.json").is_file()
    return from_mapping((_before_later_settings() if of_trial else {}) | dotted(content), origin=str(path))


def _before_later_settings() -> dict[str, Any]:
    """Return what trials did that were written before a setting came, by its dotted key."""
    sections = [(name, value) for name, value in trial_config()() if isinstance(value, MethodSettings)]
    return {f"{name}.{key}": value for name, section in sections for key, value in section.BEFORE.items()}


def from_mapping(content: Mapping[str, Any], origin: str = "settings") -> TrialConfig:
    """Validate nested or dotted settings given in JSON types.

    Raises:
        UserError: unknown key (with the nearest known ones), wrong type or value out of range.
    """
    return _validate(_nest(dotted(content)), origin)


def apply_settings(config: TrialConfig, changes: Mapping[str, Any]) -> TrialConfig:
    """Return `config` with dotted keys changed, e.g. `{"projection.dropout": 0.2}`.

    Raises:
        UserError: unknown key (with the nearest known ones), wrong type or value out of range.
    """
    return _validate(_nest(flatten(config) | dotted(changes)), "settings")


def setting_problem(key: str, value: Any) -> str | None:
    """Say what is wrong with one setting, whatever the others are; none where nothing is.

    >>> setting_problem("projection.dropot", 0.1)
    'unknown setting, did you mean projection.dropout?'
    >>> setting_problem("loss.sdm", -1)
    'is -1: input should be greater than or equal to 0'
    """
    known = dotted_keys()
    if key not in known:
        if any(name.startswith(f"{key}.") for name in known):
            return "is a section; name one of its settings"
        return f"unknown setting, {_near(key, known, most=1) or _where_listed(key, known)}"
    try:
        trial_config().model_validate_json(json.dumps(_nest({key: value})))
    except ValidationError as error:
        own = [item for item in error.errors() if ".".join(_names(item["loc"])) == key]
        reasons = dict.fromkeys(str(item["msg"]).removeprefix("Value error, ") for item in own)
        told = " or ".join(reason[0].lower() + reason[1:] for reason in reasons)
        return f"is {value!r}: {told}" if own else None
    except TypeError:
        return f"is {value!r}, which is of no type that settings have"
    return None


def parse_assignment(text: str) -> tuple[str, Any]:
    """Parse `a.b=value`; the value is YAML, `32x48x32` or `32,48,32` a list, and `2x2x1,2x2x2` a list of lists.

    >>> parse_assignment("data.crop_vox=32x48x32")
    ('data.crop_vox', [32, 48, 32])
    >>> parse_assignment("training.learning_rate=1e-3")
    ('training.learning_rate', 0.001)

    Raises:
        UserError: no `=`, or an unknown key.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"'{text}' is no setting; expected key=value, such as projection.dropout=0.2.")
    _check_keys([key])
    return key, _parse_value(value.strip())


def _parse_value(text: str) -> Any:
    rows = [_numbers(row, "x") for row in text.split(",")]
    if len(rows) > 1 and all(rows):
        return rows
    if numbers := _numbers(text, "x") or _numbers(text, ","):
        return numbers
    if text.lower() == "none":
        return None
    return parse_value(text)


def _numbers(text: str, separator: str) -> list[int] | None:
    """Return several plain whole numbers; none where the text is something else."""
    parts = [part.strip() for part in text.split(separator)]
    hexadecimal = separator == "x" and parts[0] == "0"  # refused by who reads it as YAML
    several = len(parts) > 1 and all(map(_WHOLE.fullmatch, parts)) and not hexadecimal
    return [int(part) for part in parts] if several else None


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise UserError(f"The setting {key} is given both as a value and as a section; keep one of them.")
        place[name] = value
    return nested


def _validate(nested: dict[str, Any], origin: str) -> TrialConfig:
    _check_keys(dotted(nested), origin)
    try:
        # From JSON, so that strict validation still takes lists for tuples.
        return trial_config().model_validate_json(json.dumps(nested))
    except (ValidationError, TypeError) as error:
        raise UserError(_sentence(error, origin)) from error


def _check_keys(keys: Any, origin: str = "settings") -> None:
    known = dotted_keys()
    for key in keys:
        if key not in known:
            section = any(name.startswith(f"{key}.") for name in known)
            told = " it is a section, so name one of its settings." if section else _hint(key, known)
            raise UserError(f"There is no setting '{key}' ({origin});{told or f' {_where_listed(key, known)}.'}")


def _hint(word: str, known: Iterable[str]) -> str:
    told = _near(word, known)
    return f" {told}" if told else ""


def near_keys(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return the keys that somebody may have meant: by what others call them, else those spelled alike.

    >>> near_keys("training.momentun", dotted_keys(), most=1), near_keys("lr", dotted_keys())
    (['training.momentum'], ['training.learning_rate'])
    """
    names = list(known)
    section, _, last = word.lower().replace("-", "_").rpartition(".")
    lasts = {name: name.rpartition(".")[2] for name in names}
    if meant := meant_keys(word, names):
        near, most = [*meant, *(name for name in names if lasts[name] == last and name not in meant)], 3
    else:
        ends = [last] if last in lasts.values() else get_close_matches(last, set(lasts.values()), most, cutoff=0.7)
        near = [name for end in ends for name in names if lasts[name] == end]
    near = [name for name in near if name.rpartition(".")[0] == section] or near
    return (near or get_close_matches(word, names, most, cutoff=0.75))[:most]


def _near(word: str, known: Iterable[str], most: int = 3) -> str:
    names = list(known)
    near = near_keys(word, names, most)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _where_listed(key: str, known: Iterable[str]) -> str:
    section = key.partition(".")[0]
    inside = "." in key and any(name.startswith(f"{section}.") for name in known)
    return f"`simcvd settings {section}` lists those there are" if inside else "`simcvd settings` lists all of them"


def _sentence(error: ValidationError | TypeError, origin: str) -> str:
    if isinstance(error, TypeError):
        return f"A value in {origin} is of no type that settings have: {error}."
    problems: list[str] = []
    for item in error.errors():
        place = ".".join(_names(item["loc"]))
        reason = str(item["msg"]).removeprefix("Value error, ")
        if place:
            problems.append(f"{place} is {item['input']!r}: {reason[0].lower()}{reason[1:]}")
        else:
            problems.append(reason)
    return f"Wrong settings ({origin}): {'; '.join(dict.fromkeys(problems))}."


def _names(location: Iterable[str | int]) -> list[str]:
    """Tell the names of fields from pydantic's marks of union members."""
    known = _field_names(trial_config())
    return [part for part in location if isinstance(part, str) and part in known]


@functools.cache
def _field_names(model: type[BaseModel]) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= _field_names(field.annotation)
    return names

"""Every setting with its default, its range and where it comes from, as its own definition says; for readers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simcvd.config.plugins import trial_config


@dataclass(frozen=True)
class SettingEntry:
    """One setting.

    Attributes:
        key: its dotted key.
        default: its default in JSON types.
        values: what it may be, in words, values that are written as they stand between backticks.
        meaning: what it is, its unit and its source.
    """

    key: str
    default: Any
    values: str
    meaning: str


@dataclass(frozen=True)
class SettingSection:
    """Settings that stand together.

    Attributes:
        name: the first part of their keys; empty for those of no section.
        meaning: what they are about.
        settings: the settings, without those of the sections in it, which come after it.
    """

    name: str
    meaning: str
    settings: tuple[SettingEntry, ...]


def setting_sections() -> list[SettingSection]:
    """Return all settings, section by section."""
    config = trial_config()
    schema = config.model_json_schema()
    return list(_sections(schema["$defs"], "", schema, config().model_dump(mode="json")))


def _sections(
    schemas: Mapping[str, Any], name: str, schema: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Iterator[SettingSection]:
    prefix = f"{name}." if name else ""
    inner = {key: field["$ref"] for key, field in schema["properties"].items() if "$ref" in field}
    yield SettingSection(
        name,
        schema["description"] if name else "",
        tuple(
            SettingEntry(f"{prefix}{key}", defaults[key], _values(field), field["description"])
            for key, field in schema["properties"].items()
            if key not in inner
        ),
    )
    for key, reference in inner.items():
        yield from _sections(schemas, f"{prefix}{key}", schemas[reference.rsplit("/", 1)[-1]], defaults[key])


def _values(field: Mapping[str, Any]) -> str:
    """Say which values a JSON schema allows."""
    if "anyOf" in field:
        return " or ".join(_values(choice) for choice in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "prefixItems" in field:
        return f"{len(field['prefixItems'])} x {_values(field['prefixItems'][0])}"
    kind = {"integer": "whole number", "boolean": "`true`, `false`", "null": "`null`", "string": "name"}
    return f"{kind.get(field['type'], field['type'])}{_range(field)}"


def _range(field: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = [f"{sign} {_number(field[key])}" for key, sign in signs.items() if key in field]
    return f" {', '.join(parts)}" if parts else ""


def _number(limit: float) -> str:
    return "2^63" if limit == 2**63 else f"{limit:g}"

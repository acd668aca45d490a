"""Write docs/settings.md from the settings' own descriptions: `python docs/make_settings.py`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simcvd.config import PRESETS, TrialConfig

TARGET = Path(__file__).with_name("settings.md")

INTRODUCTION = """\
# Settings

<!-- Written by docs/make_settings.py from simcvd/config/settings.py; change it there. -->

Give them as `--set key=value` (repeatable), in a trial's `config.yaml`, or in a sweep file. An unknown key is answered
with the nearest known ones. The defaults are the paper's for the Left Atrium; "Gap" marks a decision where the paper is
silent. A data set with a `plan.yaml`, as `simcvd prepare` writes it, changes some of them for its trials; with
`--preset NAME` they start from a preset below instead.
"""


def settings_page() -> str:
    """Return docs/settings.md as it must be."""
    schema = TrialConfig.model_json_schema()
    sections = {key: field for key, field in schema["properties"].items() if "$ref" in field}
    single = {key: field for key, field in schema["properties"].items() if key not in sections}
    blocks = [INTRODUCTION, _table(single, "", TrialConfig().model_dump(mode="json"))]
    for key, field in sections.items():
        blocks += _section(schema["$defs"], key, field)
    blocks += ["## Presets\n\nWhat a preset changes; everything else keeps its default.\n", _presets()]
    return "\n".join(blocks)


def _section(schemas: dict[str, Any], key: str, field: dict[str, Any]) -> Iterator[str]:
    """Yield a section's heading, its table and those of the sections in it."""
    section = schemas[field["$ref"].rsplit("/", 1)[-1]]
    inner = {name: value for name, value in section["properties"].items() if "$ref" in value}
    single = {name: value for name, value in section["properties"].items() if name not in inner}
    yield f"{'#' * (2 + key.count('.'))} {key}\n\n{section['description']}\n"
    yield _table(single, f"{key}.", field["default"])
    for name, value in inner.items():
        yield from _section(schemas, f"{key}.{name}", value)


def _table(fields: dict[str, Any], prefix: str, defaults: dict[str, Any]) -> str:
    rows = ["| setting | default | values | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        description = field["description"].replace("|", "\\|")
        rows.append(f"| `{prefix}{name}` | `{_written(defaults[name])}` | {_values(field)} | {description} |")
    return "\n".join(rows) + "\n"


def _values(field: dict[str, Any]) -> str:
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


def _range(field: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = [f"{sign} {_number(field[key])}" for key, sign in signs.items() if key in field]
    return f" {', '.join(parts)}" if parts else ""


def _number(limit: float) -> str:
    return "2^63" if limit == 2**63 else f"{limit:g}"


def _written(value: Any) -> str:
    if isinstance(value, list):
        return (", " if isinstance(value[0], list) else "x").join(map(_written, value))
    return value if isinstance(value, str) else json.dumps(value)


def _presets() -> str:
    rows = ["| preset | changes |", "|---|---|"]
    for name, changes in PRESETS.items():
        written = ", ".join(f"`{key}={_written(value)}`" for key, value in _dotted(changes))
        rows.append(f"| `{name}` | {written or 'none: the defaults are its settings'} |")
    return "\n".join(rows) + "\n"


def _dotted(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


if __name__ == "__main__":
    TARGET.write_text(settings_page(), encoding="utf-8")

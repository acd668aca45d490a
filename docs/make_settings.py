"""Write docs/settings.md from the settings' own descriptions: `python docs/make_settings.py`."""

import json
from pathlib import Path
from typing import Any

from simcvd.config import PRESETS
from simcvd.config.description import SettingSection, setting_sections
from simcvd.nested import dotted

TARGET = Path(__file__).with_name("settings.md")

INTRODUCTION = """\
# Settings

<!-- Written by docs/make_settings.py from simcvd/config/settings.py; change it there. -->

Give them as `--set key=value` (repeatable), in a trial's `config.yaml`, or in a sweep file. An unknown key is answered
with the nearest known ones. The defaults are the paper's for the Left Atrium; "Gap" marks a decision where the paper is
silent. A data set with a `plan.yaml`, as `simcvd prepare` writes it, changes some of them for its trials; with
`--preset NAME` they start from a preset below instead.

`simcvd settings` prints what is on this page, `simcvd settings WORD` what is about a word. The first of these commands
trains nothing and writes all settings of the trial that it would train; the second one trains with them:

```
simcvd train DATASET --print-config > mine.yaml
simcvd train DATASET --config mine.yaml
```
"""


def settings_page() -> str:
    """Return docs/settings.md as it must be."""
    blocks = [INTRODUCTION]
    for section in setting_sections():
        if section.name:
            blocks.append(f"{'#' * (2 + section.name.count('.'))} {section.name}\n\n{section.meaning}\n")
        blocks.append(_table(section))
    blocks += ["## Presets\n\nWhat a preset changes; everything else keeps its default.\n", _presets()]
    return "\n".join(blocks)


def _table(section: SettingSection) -> str:
    rows = ["| setting | default | values | meaning |", "|---|---|---|---|"]
    for setting in section.settings:
        meaning = setting.meaning.replace("|", "\\|")
        rows.append(f"| `{setting.key}` | `{_written(setting.default)}` | {setting.values} | {meaning} |")
    return "\n".join(rows) + "\n"


def _written(value: Any) -> str:
    if isinstance(value, list):
        return (", " if isinstance(value[0], list) else "x").join(map(_written, value))
    return value if isinstance(value, str) else json.dumps(value)


def _presets() -> str:
    rows = ["| preset | changes |", "|---|---|"]
    for name, changes in PRESETS.items():
        written = ", ".join(f"`{key}={_written(value)}`" for key, value in dotted(changes).items())
        rows.append(f"| `{name}` | {written or 'none: the defaults are its settings'} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    TARGET.write_text(settings_page(), encoding="utf-8")

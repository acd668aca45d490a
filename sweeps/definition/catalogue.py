"""Sweeps by name or path: what to compare, read and checked before anything runs."""

import re
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from simcvd.config import load_plugin
from simcvd.config.plugins import PLUGINS, plugin_files
from simcvd.config.types import MOST_SEED
from simcvd.errors import UserError
from simcvd.nearest import did_you_mean
from simcvd.yaml_text import YamlText, parse_yaml, read_yaml
from sweeps.definition.schema_problems import schema_problems
from sweeps.definition.setting_checks import setting_problems
from sweeps.definition.sweep_file import LABEL_SPLIT, SweepFile
from sweeps.definition.variant_entry import VariantEntry

__all__ = [
    "LABEL_SPLIT",
    "SweepFile",
    "VariantEntry",
    "list_sweeps",
    "load_sweep",
    "parse_label_splits",
    "parse_seeds",
    "sweep_names",
    "sweep_text",
]

MOST_COUNTED: Final = 100
"""Above this a count is more likely meant as one seed, such as a date."""
_PLAIN: Final = re.compile("0|[1-9][0-9]{0,99}")
_KIND: Final = "sweep file"
_KEYS: Final = "name, base, axes and seeds"


def load_sweep(name_or_path: str) -> SweepFile:
    """Read a sweep of the catalogue by its name, or a sweep file by its path.

    Raises:
        UserError: no such sweep, unreadable file, unknown key or wrong value; with line and key.
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


def sweep_names() -> list[str]:
    """Return the names of the sweeps of the catalogue."""
    return list(_catalogue())


def sweep_text(name: str) -> str:
    """Return the file of a sweep of the catalogue.

    Raises:
        UserError: no such sweep.
    """
    return _entry(name)


def parse_seeds(text: str, each: int = 1) -> list[int]:
    """Read `--seeds`: a count, or seeds separated by commas (`7,` is the one seed 7); 0, no count, is seed 0.

    >>> parse_seeds("3")
    [0, 1, 2]
    >>> parse_seeds("0,2,5")
    [0, 2, 5]
    >>> parse_seeds("0")
    [0]

    Args:
        text: the option's value.
        each: trainings for each seed, told where the count is large.

    Raises:
        UserError: anything else, a count above `MOST_COUNTED`, or a seed given twice.
    """
    return [0] if text.strip() == "0" else _numbers(text, "--seeds", "seed", each)


def parse_label_splits(text: str, each: int = 1) -> list[int]:
    """Read `--label-splits`: a count, or label splits separated by commas, as `parse_seeds` does.

    0 is refused: it could mean that none are drawn.

    Raises:
        UserError: anything else, a count above `MOST_COUNTED`, or a label split given twice.
    """
    return _numbers(text, "--label-splits", "label split", each)


def _numbers(text: str, option: str, what: str, each: int) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1 and parts[-1] == "":
        parts.pop()
    counted = "," not in text
    if not all(map(_PLAIN.fullmatch, parts)) or (counted and int(parts[0]) == 0):
        raise UserError(
            f"{option} is '{text}', expected a count such as 3 or {what}s such as 0,1,2, in plain decimal numbers."
        )
    numbers = [int(part) for part in parts]
    if counted and (count := numbers[0]) > MOST_COUNTED:
        one = f"for the one {what} {count} write {option} {count}, with a comma" if count < MOST_SEED else ""
        raise UserError(
            f"{option} {count} is a count, and so many {what}s make {count * each:,} trainings; "
            f"{one or f'expected {MOST_COUNTED} at most'}; more than {MOST_COUNTED} are named one by one."
        )
    if counted:
        return list(range(count))
    if (largest := max(numbers)) >= MOST_SEED:
        raise UserError(f"{option} has {largest}, expected {what}s below {MOST_SEED} (2 to the power of 63).")
    if len(set(numbers)) < len(numbers):
        raise UserError(f"{option} is '{text}', which names a {what} twice; name each once.")
    return numbers


def _part(name: str, whole: SweepFile) -> list[VariantEntry]:
    """Return the variants of a sweep that another one includes, with what its base sets."""
    part = _read_sweep(name)
    if part.include is not None:
        raise UserError(
            f"The sweep {whole.name} includes {name}, which includes others; name these: {', '.join(part.include)}."
        )
    if part.search is not None:
        raise UserError(
            f"The sweep {whole.name} includes {name}, which is a search and has no variants; run it by itself."
        )
    if part.preset != whole.preset:
        raise UserError(
            f"The sweep {whole.name} has the preset {whole.preset} and includes {name}, which has {part.preset}; "
            "give both the same."
        )
    base = part.base_settings
    return [row.model_copy(update={"group": row.group or part.name, "set": base | row.set}) for row in part.rows]


def is_path(name_or_path: str) -> bool:
    """Tell whether a sweep is named by its file, not as a built-in one."""
    return name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path


def _read_sweep(name_or_path: str) -> SweepFile:
    if is_path(name_or_path):
        path = Path(name_or_path)
        parsed = read_yaml(path, _KIND, _KEYS)
        _load_plugins(parsed.content.get("plugins"), path.parent)
        return _checked(parsed)
    return _checked(parse_yaml(_entry(name_or_path), f"sweep {name_or_path}", _KIND, _KEYS))


def _load_plugins(names: Any, folder: Path) -> None:
    """Load the plug-ins that a sweep file names; those that --plugin gave stay. What is no list is refused later."""
    loaded = plugin_files()
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and Path(name).name not in loaded:
            kept = folder / PLUGINS / Path(name).name  # beside the copy of a sweep file in a runs folder
            load_plugin(kept if kept.is_file() and not (folder / name).is_file() else folder / name)


def _entry(name: str) -> str:
    entries = _catalogue()
    if name not in entries:
        told = did_you_mean(name, entries, most=1)
        raise UserError(
            f"There is no built-in sweep '{name}'; {told}{' ' if told else ''}built in: {', '.join(entries)}; "
            "or give a path ending in .yaml."
        )
    return entries[name]


def _catalogue() -> dict[str, str]:
    folder = resources.files("sweeps") / "catalog"
    files = {entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return {name: files[name].read_text() for name in sorted(files)}


def _checked(parsed: YamlText) -> SweepFile:
    problems = list(setting_problems(parsed.content))
    try:
        sweep = SweepFile.model_validate(parsed.content)
    except ValidationError as error:
        parsed.refuse([*schema_problems(error, parsed, SweepFile), *problems])
    if problems:
        parsed.refuse(problems)
    return sweep

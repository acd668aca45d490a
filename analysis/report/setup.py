"""What a sweep's trials were run with: settings that all share and that set variants apart, and their environment."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.settings import settings_of, varying_keys
from analysis.runs.sweep import Sweep
from simcvd.nested import written

if TYPE_CHECKING:
    import pandas as pd


NOT_RECORDED: Final = "not recorded"


@dataclass(frozen=True)
class SettingsShown:
    """Settings as resolved, in words; what a variant's records lack is empty.

    Attributes:
        shared: value by dotted key.
        keys: dotted keys whose values differ.
        differing: by variant, one value a key.
        overrides: what the command set for all variants.
    """

    shared: Mapping[str, str]
    keys: tuple[str, ...]
    differing: Mapping[str, tuple[str, ...]]
    overrides: Mapping[str, str]


@dataclass(frozen=True)
class Fact:
    """Something that trials ran with.

    Attributes:
        name: such as `torch`.
        values: what was found, each with the number of trials.
    """

    name: str
    values: tuple[tuple[str, int], ...]


def read_settings(sweep: Sweep, trials: "pd.DataFrame") -> SettingsShown:
    """Sort the settings of a sweep's trials into shared and differing ones; seeds are left out.

    Args:
        sweep: the sweep.
        trials: what `read_trials` returns of it, all columns.
    """
    each = settings_of(trials, {variant.name: list(variant.trials.values()) for variant in sweep.variants})
    keys = varying_keys(each.values())
    known = next((own for own in each.values() if own), {})
    return SettingsShown(
        shared={key: written(value) for key, value in known.items() if key not in keys},
        keys=keys,
        differing={name: tuple(written(own[key]) if own else "" for key in keys) for name, own in each.items()},
        overrides={key: written(value) for key, value in sweep.overrides.items()},
    )


def read_environment(runs: Path, sweep: Sweep, trials: "pd.DataFrame") -> list[Fact]:
    """Gather what the trials ran on, from their `environment.json`, else from their records.

    A file that can't be read is passed over: a report is no reason to stop.
    """
    records = {str(row["trial_id"]): row for row in trials.to_dict("records")}
    found: dict[str, dict[str, int]] = {}
    told = 0
    for trial in sweep.trial_ids:
        if trial not in records and not (runs / "trials" / trial).is_dir():
            continue
        facts = _from_file(runs / "trials" / trial / "environment.json") or _from_record(records.get(trial, {}))
        told += bool(facts)
        for name, value in facts.items():
            counts = found.setdefault(name, {})
            counts[value] = counts.get(value, 0) + 1
    for counts in found.values():
        if lacking := told - sum(counts.values()):
            counts[NOT_RECORDED] = lacking
    return [Fact(name, tuple(counts.items())) for name, counts in found.items()]


def _from_file(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text())
        packages = content.pop("packages", {})
        return _facts(content.items()) | _facts(packages.items())
    except (OSError, ValueError, AttributeError):
        return {}


def _from_record(record: Mapping[Any, Any]) -> dict[str, str]:
    facts = _facts((name, record.get(name)) for name in ("device", "git_commit"))
    try:
        return facts | _facts(json.loads(record["versions"]).items())
    except (KeyError, ValueError, TypeError, AttributeError):
        return facts


def _facts(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    return {
        name.replace("_", " "): str(value)
        for name, value in pairs
        if value is not None and value == value and not isinstance(value, dict | list)
    }

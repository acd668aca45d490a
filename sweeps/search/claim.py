"""What a search leaves in `RUNS/sweeps/NAME/search`: a file a setting that is tried, and what it reached at each rung.

Whoever tries a setting writes here before it reports, so that a killed command loses nothing and decides nothing twice.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

State = Literal["running", "complete", "pruned", "failed"]
IDENTITY = "identity.json"


@dataclass(frozen=True)
class TrialOfSetting:
    """One training of a setting: its steps and its trial's id."""

    steps: int
    id: str


@dataclass(frozen=True)
class SettingRecord:
    """One setting that is tried.

    Attributes:
        number: its place in the search, from 0.
        params: its settings, dotted keys.
        trials: its trainings, the current one last.
        state: `pruned` was ended early; `running` too where a command was cut off.
        value: mean score on the val cases after the last training or rung; none where there is no number.
        rungs: the same at each rung, by steps.
    """

    number: int
    params: Mapping[str, Any]
    trials: tuple[TrialOfSetting, ...] = ()
    state: State = "running"
    value: float | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)

    def training(self, steps: int, trial_id: str) -> "SettingRecord":
        """Return the record with one more training, unless it is there."""
        trial = TrialOfSetting(steps, trial_id)
        return self if trial in self.trials else replace(self, trials=(*self.trials, trial))

    def at_rung(self, steps: int, value: float) -> "SettingRecord":
        """Return the record with what was reached at a rung."""
        return replace(self, value=value, rungs={**self.rungs, steps: value})

    def failed(self) -> "SettingRecord":
        """Return the record of a setting that came to no value."""
        return replace(self, state="failed", value=None)


@dataclass(frozen=True)
class RungEntry:
    """What a setting reached at a rung.

    Attributes:
        value: mean over `cases`.
        cases: mean over classes of each val case.
        goes_on: what was decided then.
    """

    value: float
    cases: Mapping[str, float]
    goes_on: bool


def claim(folder: Path, identity: str) -> Path:
    """Return the folder of the search `identity`; what another one left in its place is moved aside and kept.

    Args:
        folder: `RUNS/sweeps/NAME`, locked by the caller.
        identity: `SearchPlan.identity`.
    """
    place, journal = folder / "search", folder / "study.journal"
    there = read_identity(place)
    if there == identity:
        return place
    if place.exists():
        _move(place, folder / f"search-{there or 'unknown'}")
        if journal.exists():
            _move(journal, folder / f"study-{there or 'unknown'}.journal")
    earlier = folder / f"search-{identity}"
    if earlier.exists():
        _move(earlier, place)
        if (kept := folder / f"study-{identity}.journal").exists():
            _move(kept, journal)
    place.mkdir(parents=True, exist_ok=True)
    _write(place / IDENTITY, {"identity": identity})
    return place


def read_identity(place: Path) -> str | None:
    """Return which search has left its files in `place`; none where there are none."""
    try:
        return str(json.loads((place / IDENTITY).read_text())["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_setting(folder: Path, record: SettingRecord) -> None:
    """Write `NUMBER.json`."""
    _write(folder / f"{record.number}.json", asdict(record))


def read_setting(folder: Path, number: int) -> SettingRecord | None:
    """Read `NUMBER.json`; none where it is not there or damaged."""
    try:
        content = json.loads((folder / f"{number}.json").read_text())
        return SettingRecord(
            number=int(content["number"]),
            params=dict(content["params"]),
            trials=tuple(TrialOfSetting(int(t["steps"]), str(t["id"])) for t in content["trials"]),
            state=content["state"],
            value=content["value"],
            rungs={int(steps): float(value) for steps, value in content["rungs"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_settings(folder: Path) -> list[SettingRecord]:
    """Read every setting that was tried, by number."""
    numbers = sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal())
    return [record for number in numbers if (record := read_setting(folder, number)) is not None]


def write_rung(folder: Path, steps: int, number: int, entry: RungEntry) -> None:
    """Write `rungs/STEPS/NUMBER.json`."""
    _write(folder / "rungs" / str(steps) / f"{number}.json", asdict(entry))


def read_rung(folder: Path, steps: int) -> dict[int, RungEntry]:
    """Read what every setting reached at a rung."""
    entries = {}
    for path in (folder / "rungs" / str(steps)).glob("*.json"):
        try:
            content = json.loads(path.read_text())
            entries[int(path.stem)] = RungEntry(float(content["value"]), content["cases"], bool(content["goes_on"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return entries


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(partial, path)


def _move(source: Path, target: Path) -> None:
    number = 1
    free = target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.name}-{number}")
    os.replace(source, free)

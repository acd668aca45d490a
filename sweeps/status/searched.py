"""What a search has tried so far, read from the files that it leaves: `RUNS/sweeps/NAME/search/NUMBER.json`."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sweeps.status.trial import TrialState


@dataclass(frozen=True)
class Searched:
    """One setting that a search has tried.

    Attributes:
        number: its number in the study.
        trial_id: the trial that it has come to; empty before the first one.
        steps: training steps of that trial; 0 where unknown.
        state: `waiting`, `running`, `complete`, `pruned` or `failed`.
        value: its score on the val cases; None where there is none yet.
    """

    number: int
    trial_id: str = ""
    steps: int = 0
    state: str = "running"
    value: float | None = None

    def shown(self, trial: TrialState) -> TrialState:
        """Return its trial as a search shows it: by its val score alone, and stopped where the search has ended it."""
        dice = trial.dice if trial.dice_split == "val" else trial.val_dice
        dice = self.value if dice is None else dice
        trial = replace(trial, dice=dice, dice_split=None if dice is None else "val")
        # A setting that is compared after a complete shorter training ends with a trial that is complete in itself.
        pruned = self.state == "pruned" and trial.state in {"validated", "finished"}
        return replace(trial, state="stopped") if pruned else trial


class SearchFolder:
    """Read the files of a search again and again; a file that has not changed is read once.

    Args:
        folder: the sweep's, `RUNS/sweeps/NAME`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], Searched | None]] = {}
        self._planned: tuple[tuple[int, int], int] = ((0, 0), 0)

    def settings(self) -> list[Searched]:
        """Return what has been tried and what is still to be, by number; a foreign file is passed over."""
        try:
            with os.scandir(self._folder / "search") as entries:
                there = [entry for entry in entries if entry.name.endswith(".json")]
                for entry in there:
                    stamp = _stamp(entry.stat())
                    if self._read.get(entry.name, (None, None))[0] != stamp:
                        self._read[entry.name] = (stamp, _parse(Path(entry.path)))
        except OSError:  # no search, or a file went away in between
            if not self._read:
                return []
        tried = {setting.number: setting for _, setting in self._read.values() if setting is not None}
        still = (Searched(number, state="waiting") for number in range(self._number_planned()) if number not in tried)
        return sorted([*tried.values(), *still], key=lambda setting: setting.number)

    def _number_planned(self) -> int:
        """Return how many settings the search is to try, as `sweep.yaml` says; 0 where it does not."""
        path = self._folder / "sweep.yaml"
        try:
            stamp = _stamp(path.stat())
            if self._planned[0] != stamp:
                self._planned = (stamp, _planned(path))
        except OSError:
            pass
        return self._planned[1]


def _stamp(about: os.stat_result) -> tuple[int, int]:
    return about.st_mtime_ns, about.st_ino


def _planned(path: Path) -> int:
    import yaml

    try:
        section = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["search"]
        return 0 if section.get("over") else int(section["trials"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        return 0


def _parse(path: Path) -> Searched | None:
    try:
        content = json.loads(path.read_text())
        trials = content.get("trials") or [{}]
        return Searched(
            number=int(content["number"]),
            trial_id=str(trials[-1].get("id") or ""),
            steps=int(trials[-1].get("steps") or 0),
            state=str(content.get("state", "running")),
            value=_number(content, "value"),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _number(content: Mapping[str, Any], key: str) -> float | None:
    value = content.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

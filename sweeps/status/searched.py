"""What a search has tried so far and still has to try, read again and again while others write it."""

import math
import os
from dataclasses import replace
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.runs.sweep import read_search, sweep_file
from analysis.runs.tried_setting import TriedSetting, read_setting
from sweeps.status.trial import TrialState


def shown(setting: TriedSetting, trial: TrialState) -> TrialState:
    """Return a setting's trial as a search shows it: by its val score alone, and stopped where the search ended it."""
    value = setting.value if setting.value is not None and math.isfinite(setting.value) else None
    dice = trial.dice if trial.dice_split == "val" else trial.val_dice
    dice = value if dice is None else dice
    trial = replace(trial, dice=dice, dice_split=None if dice is None else "val")
    # A setting that is compared after a complete shorter training ends with a trial that is complete in itself.
    pruned = setting.state == "pruned" and trial.state in {"validated", "finished"}
    return replace(trial, state="stopped") if pruned else trial


class SearchFolder:
    """Read the files of a search again and again; a file that has not changed is read once.

    Args:
        runs: the runs folder.
        name: the sweep's name.
    """

    def __init__(self, runs: Path, name: str) -> None:
        self._runs, self._name = runs, name
        self._read: dict[str, tuple[tuple[int, int], TriedSetting | None]] = {}
        self._planned: tuple[tuple[int, int], int] = ((0, 0), 0)

    def settings(self) -> list[TriedSetting]:
        """Return what has been tried and what is still to be, by number; a foreign file is passed over."""
        folder = sweep_file(self._runs, self._name).with_name("search")
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    number, _, ending = entry.name.partition(".")
                    if not number.isdecimal() or ending != "json":
                        continue
                    stamp = _stamp(entry.stat())
                    if self._read.get(entry.name, (None, None))[0] != stamp:
                        self._read[entry.name] = (stamp, read_setting(folder, int(number)))
        except OSError:  # no search, or a file went away in between
            if not self._read:
                return []
        tried = {setting.number: setting for _, setting in self._read.values() if setting is not None}
        waiting = set(range(self._number_planned())) - tried.keys()
        tried |= {number: TriedSetting(number, {}, state="waiting") for number in waiting}
        return [tried[number] for number in sorted(tried)]

    def _number_planned(self) -> int:
        """Return how many settings the search is to try, as `sweep.yaml` says; 0 where it does not."""
        try:
            stamp = _stamp(sweep_file(self._runs, self._name).stat())
            if self._planned[0] != stamp:
                self._planned = stamp, _still(self._runs, self._name)
        except OSError:
            pass
        return self._planned[1]


def _still(runs: Path, name: str) -> int:
    try:
        search = read_search(runs, name)
    except AnalysisError:
        return 0
    return 0 if search is None or search.over else search.trials


def _stamp(about: os.stat_result) -> tuple[int, int]:
    return about.st_mtime_ns, about.st_ino

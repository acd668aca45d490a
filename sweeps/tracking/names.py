"""What the trials of a sweep are called where people look: `SWEEP/VARIANT seed N`, in place of a trial's id."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.runs.replicate import Replicate
from analysis.runs.sweep import read_sweep
from analysis.runs.tried_setting import read_settings
from simcvd.files import fitting_name
from sweeps.status.sweep import Planned, seed_of

_UNSAFE: Final = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')
"""What some file system refuses in a name."""
_MOST_BYTES: Final = 200


@dataclass(frozen=True)
class NamedRun:
    """A trial of a sweep under the name that people know it by.

    Attributes:
        sweep: the sweep's name.
        variant: its variant, or `search 7`.
        seed: its seed.
        name: `VARIANT seed N`, unlike those of the sweep's other trials.
        trial_id: the trial's id.
        with_test: whether scores of test cases are shown: not where trials only choose.
    """

    sweep: str
    variant: str
    seed: int
    name: str
    trial_id: str
    with_test: bool = True

    @property
    def title(self) -> str:
        """The whole name, `SWEEP/VARIANT seed N`."""
        return f"{self.sweep}/{self.name}"


def named_runs(runs: Path, sweep: str) -> list[NamedRun]:
    """Return the trials of a sweep and what its search has tried so far, as its files say.

    A trial that stands in two variants is there twice. A name does not change when the sweep goes on.

    Args:
        runs: the runs folder.
        sweep: the sweep's name.

    Raises:
        AnalysisError: there is no such sweep, or its file is damaged.
    """
    planned = read_sweep(runs, sweep)
    found = [
        NamedRun(sweep, each.name, replicate.seed, _named(trial, each.name, replicate), trial, planned.with_test)
        for each in planned.variants
        for replicate, trial in each.each_trial()
    ]
    for setting in read_settings(runs / "sweeps" / sweep / "search"):
        # Trainings are only ever added at the end.
        for number, training in enumerate(setting.trials, 1):
            variant, seed = f"search {setting.number}", seed_of(training.id)
            again = "" if number == 1 else f" training {number}"
            found.append(NamedRun(sweep, variant, seed, f"{variant} seed {seed}{again}", training.id, with_test=False))
    return found


def folder_names(names: Collection[str]) -> dict[str, str]:
    """Return for each name one that any file system takes as a folder's, no two alike even in small letters.

    Names that would be alike end with a hash, all of them, so that their order does not matter.

    >>> folder_names(["w/o SDM seed 0", "A", "a", "B"])
    {'w/o SDM seed 0': 'w-o SDM seed 0', 'A': 'A 559aead0', 'a': 'a ca978112', 'B': 'B'}

    Args:
        names: different from each other.
    """
    safe = {name: fitting_name(_UNSAFE.sub("-", name).strip(". ") or "-", _MOST_BYTES) for name in names}
    alike = Counter(each.casefold() for each in safe.values())
    return {
        name: f"{each} {hashlib.sha256(name.encode()).hexdigest()[:8]}" if alike[each.casefold()] > 1 else each
        for name, each in safe.items()
    }


def _named(trial_id: str, variant: str, replicate: Replicate) -> str:
    return Planned(trial_id, variant, replicate.seed, label_split=replicate.label_split).name

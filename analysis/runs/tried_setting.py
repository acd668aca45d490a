"""The settings that a search tries: `RUNS/sweeps/NAME/search/NUMBER.json`, a file each.

The only writer and reader. Whoever tries a setting writes here before it reports, so that a killed command loses
nothing.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from simcvd.files import write_file

State = Literal["running", "complete", "pruned", "failed", "waiting"]
STATES: Final[Mapping[State, str]] = {
    "complete": "trained to the end",
    "pruned": "ended early",
    "failed": "failed",
    "running": "cut off",
}
"""What became of a setting that has a file, in words."""


@dataclass(frozen=True)
class Training:
    """One training of a setting: its steps and its trial's id."""

    steps: int
    id: str


@dataclass(frozen=True)
class TriedSetting:
    """One setting of a search.

    Attributes:
        number: its place in the search, from 0.
        params: its settings, dotted keys.
        trials: its trainings, the current one last.
        state: `pruned` was ended early; `running` too where a command was cut off; `waiting` has no file yet.
        value: mean score on the val cases after the last training or rung; None or NaN where there is no number.
        rungs: the same at each rung, by steps.
    """

    number: int
    params: Mapping[str, Any]
    trials: tuple[Training, ...] = ()
    state: State = "running"
    value: float | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Steps of its last training; 0 before the first."""
        return self.trials[-1].steps if self.trials else 0

    @property
    def trial_id(self) -> str:
        """Trial of its last training; empty before the first."""
        return self.trials[-1].id if self.trials else ""

    @property
    def scored(self) -> bool:
        """Whether it was trained to the end and has a score to be compared by."""
        return self.state == "complete" and self.value is not None and math.isfinite(self.value)

    def training(self, steps: int, trial_id: str) -> "TriedSetting":
        """Return it with one more training, unless that is there."""
        trial = Training(steps, trial_id)
        return self if trial in self.trials else replace(self, trials=(*self.trials, trial))

    def at_rung(self, steps: int, value: float) -> "TriedSetting":
        """Return it with what was reached at a rung."""
        return replace(self, value=value, rungs={**self.rungs, steps: value})

    def failed(self) -> "TriedSetting":
        """Return it as one that came to no value."""
        return replace(self, state="failed", value=None)


def write_setting(folder: Path, setting: TriedSetting) -> None:
    """Write `NUMBER.json`; it appears whole.

    Args:
        folder: `RUNS/sweeps/NAME/search`.
        setting: what has become of it so far.
    """
    write_file(folder / f"{setting.number}.json", json.dumps(asdict(setting), indent=1) + "\n")


def load_setting(folder: Path, number: int) -> TriedSetting | None:
    """Read `NUMBER.json`; None where it is not there or torn.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not as a search writes it.
    """
    try:
        content = json.loads((folder / f"{number}.json").read_text())
    except (OSError, ValueError):
        return None
    if content["state"] not in STATES:
        raise ValueError(f"its state is {content['state']}")
    return TriedSetting(
        number=int(content["number"]),
        params=dict(content["params"]),
        trials=tuple(Training(int(each["steps"]), str(each["id"])) for each in content["trials"]),
        state=content["state"],
        value=content["value"],
        rungs={int(steps): float(value) for steps, value in content["rungs"].items()},
    )


def read_setting(folder: Path, number: int) -> TriedSetting | None:
    """Read `NUMBER.json`; None where it is not there, torn or foreign."""
    try:
        return load_setting(folder, number)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def read_settings(
    folder: Path, read: Callable[[Path, int], TriedSetting | None] = read_setting
) -> tuple[TriedSetting, ...]:
    """Read every setting that was tried, by number; one that `read` has nothing of is passed over."""
    numbers = sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal())
    return tuple(setting for number in numbers if (setting := read(folder, number)) is not None)

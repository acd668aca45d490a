"""What a tuning has planned and decided: `tune.json` in its folder, so that a command that comes later goes on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from pydantic import TypeAdapter

from analysis.runs.sweep import sweep_file
from simcvd.errors import UserError
from simcvd.files import write_file
from sweeps.definition.sweep_file import SweepFile
from sweeps.tuning.request import STAGES, stage_name
from sweeps.tuning.schedule import Schedule

_FILE: Final = "tune.json"


@dataclass(frozen=True)
class TuneRecord:
    """A tuning so far.

    Attributes:
        identity: `TuneRequest.identity`.
        schedule: made when it was first asked so.
        smaller: settings that were made smaller to fit this device.
        start: settings that are tried first.
        plan: lines on the data set and its plan.
        limit_s: time of all stages together; None has no limit.
        closed: stages that were ended when their time was over, which do not go on, each with what it ran (`closing`).
        used_s: time of each stage so far, in seconds, over all commands.
        lines: what each stage came to.
    """

    identity: str
    schedule: Schedule
    smaller: Mapping[str, Any] = field(default_factory=dict)
    start: tuple[Mapping[str, Any], ...] = ()
    plan: tuple[str, ...] = ()
    limit_s: float | None = None
    closed: Mapping[str, str] = field(default_factory=dict)
    used_s: Mapping[str, float] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def forced(self) -> dict[str, Any]:
        """Settings of every training that are not the data set's: what fits the device and the time."""
        return {**self.smaller, "training.steps": self.schedule.steps}

    def seconds_for(self, stage: str, left_s: float) -> float:
        """Return the seconds that a stage may take of what is left.

        What earlier stages saved is this one's; what the later ones are expected to need is kept for them. Where a
        stage took longer than expected, they are expected to do so too, as far as what is left allows.
        """
        expected = {each.name: each.seconds for each in self.schedule.stages}
        after = self.schedule.after(stage)
        paces = [self.used_s[name] / seconds for name, seconds in expected.items() if self.used_s.get(name) and seconds]
        all_left = expected.get(stage, 0.0) + after
        pace = max(1.0, min(max(paces, default=1.0), left_s / all_left if all_left else 1.0))
        return max(1.0, left_s - pace * after)

    def with_stage(self, name: str, seconds: float, lines: tuple[str, ...]) -> Self:
        """Return the record with what a stage took now and came to."""
        used = {**self.used_s, name: self.used_s.get(name, 0.0) + seconds}
        return replace(self, used_s=used, lines={**self.lines, name: lines})


def write_record(folder: Path, record: TuneRecord) -> None:
    """Write `tune.json` by rename."""
    write_file(folder / _FILE, json.dumps(asdict(record), indent=1) + "\n")


def read_record(folder: Path) -> TuneRecord | None:
    """Return what was written; None where there is nothing.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / _FILE
    try:
        found = TypeAdapter(TuneRecord).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    made = found.schedule
    if min(made.steps, made.seeds) < 1 or min(made.folds, made.finals, made.trials) < 0 or made.trials == 1:
        raise _damaged(path, ValueError("its schedule can't be"))
    return found


def stage_sweeps(runs: Path, name: str) -> list[str]:
    """Return the sweeps of a tuning's stages that have begun; nothing where `name` is none."""
    if not (runs / "sweeps" / name / _FILE).is_file():
        return []
    return [own for stage in STAGES if sweep_file(runs, own := stage_name(name, stage)).is_file()]


def closing(sweep: SweepFile) -> str:
    """Return what is equal for two sweeps of the same trials."""
    return hashlib.sha256(sweep.model_dump_json().encode()).hexdigest()[:12]


def _damaged(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:100]
    return UserError(f"{path} is damaged ({reason}); delete it: the same command plans anew and trains nothing twice.")

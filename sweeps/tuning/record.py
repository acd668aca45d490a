"""What a tuning has planned and decided: `tune.json` in its folder, so that a command that comes later goes on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from simcvd.errors import UserError
from simcvd.files import write_file
from sweeps.tuning.schedule import Schedule, StagePlan

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
        search_closed: whether the search ended because its time was over, so that it does not go on.
        used_s: time of each stage so far, in seconds, over all commands.
        lines: what each stage came to.
    """

    identity: str
    schedule: Schedule
    smaller: Mapping[str, Any] = field(default_factory=dict)
    start: tuple[Mapping[str, Any], ...] = ()
    plan: tuple[str, ...] = ()
    search_closed: bool = False
    used_s: Mapping[str, float] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    try:
        schedule = content["schedule"]
        stages = tuple(StagePlan(**stage) for stage in schedule.pop("stages"))
        reasons = tuple(schedule.pop("reasons"))
        lines = {str(stage): tuple(told) for stage, told in content.pop("lines").items()}
        made: dict[str, Any] = {"schedule": Schedule(**schedule, stages=stages, reasons=reasons)}
        made |= {name: tuple(content.pop(name)) for name in ("plan", "start")}
        return TuneRecord(**{**content, **made, "lines": lines})
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:100]
    return UserError(f"{path} is damaged ({reason}); delete it: the same command plans anew and trains nothing twice.")

"""A sweep that runs elsewhere, as its JSON lines tell it; see `sweeps.show.events` for what they say."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from sweeps.status.sweep import Planned, SweepState, TrialRow
from sweeps.status.trial import TrialState

_KEPT_LINES: Final = 20


class FollowedSweep:
    """What is known of the sweep so far; of a tuning, of the sweep of its stage.

    Attributes:
        before: the sweep of the stage before, at its end.
        slots: trials that run side by side; None while that is not known.
        end: the fields of its last event; None while it runs.
        others: the last lines that were no events.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: dict[tuple[Any, ...], TrialRow] = {}
        self._begun: dict[str, str] = {}
        self._known = False
        self.before: SweepState | None = None
        self.slots: int | None = None
        self.end: Mapping[str, Any] | None = None
        self.others: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def state(self) -> SweepState:
        """The sweep at this moment."""
        return SweepState(self._name, tuple(self._rows.values()), self.slots or 1)

    @property
    def known(self) -> bool:
        """Whether it has told all its trials once; how far it is comes after them."""
        return self._known

    def take(self, line: str) -> str | None:
        """Take in a line; return the sentence that it tells the user, if any."""
        fields = _event(line)
        if fields is None:
            if line.strip():
                self.others.append(line.rstrip())
            return None
        match fields["event"]:
            case "sweep":
                self._next(str(fields["name"]))
                self.slots = fields.get("slots")
            case "progress":
                self._known = True
                self.slots = fields.get("slots") or self.slots
            case "trial":
                row = _row(fields)
                planned = row.planned
                # A searched setting goes on to its next trial under the same name.
                key = ("search", planned.search) if planned.search is not None else ("trial", planned.name)
                self._rows[key] = row
            case "end":
                self.end = fields
            case "notice":
                return str(fields["message"])
        return None

    @property
    def begun(self) -> dict[str, str]:
        """States of the trials that have begun, by id; of all stages."""
        rows = [row for row in self._rows.values() if row.planned.id and row.trial.state != "waiting"]
        return self._begun | {row.planned.id: row.trial.state for row in rows}

    def _next(self, name: str) -> None:
        if self._rows:
            self.before, self._begun = self.state, self.begun
        self._name, self._rows, self._known = name, {}, False


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and "event" in fields else None


def _row(fields: Mapping[str, Any]) -> TrialRow:
    identity = str(fields["id"] or "")
    steps = int(fields["steps"] or 0)
    planned = Planned(
        identity, fields["variant"], fields["seed"], steps, label_split=fields["label_split"], search=fields["search"]
    )
    trial = TrialState(
        identity,
        fields["state"],
        int(fields["step"] or 0),
        steps,
        steps_per_second=fields["steps_per_second"],
        eta_seconds=fields["eta_seconds"],
        dice=fields["dice"],
        dice_split=fields["dice_split"],
        val_dice=None if fields["dice_split"] == "val" else fields["val_dice"],
        failure_kind=fields["failure_kind"],
        failure_message=fields["message"],
    )
    return TrialRow(planned, trial)
